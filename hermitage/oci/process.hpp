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

}  // namespace hermitage::oci
