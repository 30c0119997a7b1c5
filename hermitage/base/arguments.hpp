// What the guest is told by its user: words for the kernel, words for the application, environment variables.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace hermitage::base {

struct Arguments {
  std::string program;                   // argv[0], where a machine can pass it: the image's path
  std::vector<std::string> kernel;       // words for the kernel
  std::vector<std::string> application;  // words for the application
  std::vector<std::string> environment;  // "KEY=VALUE" each, no key twice
};

// One word in the shell's quotes, where it needs them, so that a POSIX shell's rules give it back as it is.
[[nodiscard]] auto shell_quoted(std::string_view word) -> std::string;

// The kernel's command line: KERNEL_WORDS env=KEY=VALUE… [-- APPLICATION_WORDS], each quoted where it needs it, so that
// a boot loader takes none for its own. The kernel splits it as a shell would. The error is a sentence about a word
// that is not UTF-8, which would cost the kernel all of them, or about a "--" among the kernel's.
[[nodiscard]] auto boot_arguments(const Arguments& arguments) -> std::expected<std::string, std::string>;

}  // namespace hermitage::base
