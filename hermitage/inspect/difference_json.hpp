// A difference for scripts.
#pragma once

#include "hermitage/inspect/difference.hpp"
#include "hermitage/inspect/sink.hpp"

namespace hermitage::inspect {

// One JSON object, indented, without a newline at its end. docs/inspect.md describes its keys.
void print_difference_json(const Difference& difference, const Sink& sink);

}  // namespace hermitage::inspect
