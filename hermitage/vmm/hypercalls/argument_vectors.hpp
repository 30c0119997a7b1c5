// The argument vectors that a guest of Uhyve interface 1 requests from its monitor.
#pragma once

#include <string>
#include <vector>

#include "hermitage/base/arguments.hpp"
#include "hermitage/vmm/error.hpp"

namespace hermitage::vmm {

// The values of the hypercalls cmdsize and cmdval of interface 1: argv and envp, at most 128 strings each. Fails with
// configuration if there are more.
struct ArgumentVectors {
  std::vector<std::string> arguments;    // the program, then the application's arguments
  std::vector<std::string> environment;  // the variables, then empty strings (see the source)
};
[[nodiscard]] auto argument_vectors(const base::Arguments& arguments) -> Result<ArgumentVectors>;

}  // namespace hermitage::vmm
