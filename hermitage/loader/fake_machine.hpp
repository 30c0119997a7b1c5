// A machine for tests on the host: the console is a string, and the end is an exit with status 1.
#pragma once

#include <string>

namespace hermitage::loader::testing {

// The console output since the last call.
[[nodiscard]] auto take_console() -> std::string;

}  // namespace hermitage::loader::testing
