// Arguments for the kernel and the application of a guest, and its environment variables.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hermitage/base/invalid_value.hpp"

namespace hermitage::base {

struct Arguments {
  std::string program;                   // argv[0], the image's path; not every machine can pass it
  std::vector<std::string> kernel;       // arguments of the kernel
  std::vector<std::string> application;  // arguments of the application
  std::vector<std::string> environment;  // "KEY=VALUE" each, no key twice
};

// One argument, quoted if necessary, so that the rules of a POSIX shell return it unchanged.
[[nodiscard]] auto shell_quoted(std::string_view word) -> std::string;

// The kernel's command line: KERNEL_ARGUMENTS env=KEY=VALUE… [-- APPLICATION_ARGUMENTS], each quoted if necessary, so
// that a boot loader interprets none of them. The kernel splits it as a shell would. Fails for an argument that is not
// UTF-8, because of which the kernel would lose all arguments, and for a "--" among those of the kernel.
[[nodiscard]] auto boot_arguments(const Arguments& arguments) -> OrInvalid<std::string>;

}  // namespace hermitage::base
