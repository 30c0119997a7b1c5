// What the guest is told by its user: words for the kernel, words for the application, environment variables.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hermitage/vmm/error.hpp"

namespace hermitage::vmm {

struct Arguments {
  std::string program;                   // argv[0], where the interface passes it: the image's path
  std::vector<std::string> kernel;       // words for the kernel
  std::vector<std::string> application;  // words for the application
  std::vector<std::string> environment;  // "KEY=VALUE" each, no key twice
};

// One word in the shell's quotes, where it needs them, so that a POSIX shell's rules give it back as it is.
[[nodiscard]] auto shell_quoted(std::string_view word) -> std::string;

// The command line of a device tree: KERNEL_WORDS env=KEY=VALUE… [-- APPLICATION_WORDS], each quoted. The kernel splits
// it as a shell would. Fails with configuration for a word that is not UTF-8, which would cost the kernel all of them.
[[nodiscard]] auto boot_arguments(const Arguments& arguments) -> Result<std::string>;

// What interface 1 asks for by the hypercalls cmdsize and cmdval: argv and envp, at most 128 each. Fails with
// configuration when there are more.
struct ArgumentVectors {
  std::vector<std::string> arguments;    // the program, then the application's words
  std::vector<std::string> environment;  // the variables, then empty texts (see the source)
};
[[nodiscard]] auto argument_vectors(const Arguments& arguments) -> Result<ArgumentVectors>;

}  // namespace hermitage::vmm
