// For tests on the host: a machine whose console is a text, and whose end is an exit with status 1.
#pragma once

#include <string>

namespace hermitage::loader::testing {

// What was written to the console since it was asked last.
[[nodiscard]] auto take_console() -> std::string;

}  // namespace hermitage::loader::testing
