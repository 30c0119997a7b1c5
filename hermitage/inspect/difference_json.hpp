// JSON of a difference.
#pragma once

#include "hermitage/inspect/difference.hpp"
#include "hermitage/inspect/sink.hpp"

namespace hermitage::inspect {

// Prints one indented JSON object, without a newline at the end. docs/inspect.md describes its keys.
void print_difference_json(const Difference& difference, const Sink& sink);

}  // namespace hermitage::inspect
