// Processes of the runtime below.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace hermitage::oci {

// Becomes the program, with the environment and the descriptors of this process. Returns only if that fails: the error
// number of execv(3).
[[nodiscard]] auto become(const std::string& program, const std::vector<std::string>& arguments) -> int;

// Runs the program to its end. Returns its exit status, 128 + n after signal n, or nothing if it cannot be started.
[[nodiscard]] auto run(const std::string& program, const std::vector<std::string>& arguments) -> std::optional<int>;

// Runs the program to its end, without its errors, and returns what it has printed; nothing unless its exit status is
// 0.
[[nodiscard]] auto output_of(const std::string& program, const std::vector<std::string>& arguments)
    -> std::optional<std::string>;

// Runs the program to its end, without its output, with a copy of this descriptor as number `as`. Returns what it has
// printed on standard error, and its exit status as run() does; nothing if it cannot be started.
struct Errors {
  std::string text;
  int status = 0;
};
[[nodiscard]] auto errors_of(const std::string& program, const std::vector<std::string>& arguments, int descriptor,
                             int as) -> std::optional<Errors>;

}  // namespace hermitage::oci
