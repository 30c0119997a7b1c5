// What a guest of Uhyve interface 1 asks its monitor for.
#pragma once

#include <string>
#include <vector>

#include "hermitage/base/arguments.hpp"
#include "hermitage/vmm/error.hpp"

namespace hermitage::vmm {

// What interface 1 asks for by the hypercalls cmdsize and cmdval: argv and envp, at most 128 each. Fails with
// configuration when there are more.
struct ArgumentVectors {
  std::vector<std::string> arguments;    // the program, then the application's arguments
  std::vector<std::string> environment;  // the variables, then empty strings (see the source)
};
[[nodiscard]] auto argument_vectors(const base::Arguments& arguments) -> Result<ArgumentVectors>;

}  // namespace hermitage::vmm
