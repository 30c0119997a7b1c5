// The program hermitage-oci: a container runtime in front of another one.
#pragma once

#include <string>
#include <vector>

namespace hermitage::oci {

// Runs one command. `words` are the arguments without the name of the program. Usually becomes the runtime below and
// does not return. Otherwise, returns an exit status; 1 after an error, which it has reported.
[[nodiscard]] auto run_program(std::vector<std::string> words) -> int;

}  // namespace hermitage::oci
