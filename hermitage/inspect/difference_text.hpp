// The text of a difference.
#pragma once

#include "hermitage/inspect/difference.hpp"
#include "hermitage/inspect/report_text.hpp"
#include "hermitage/inspect/sink.hpp"

namespace hermitage::inspect {

// Prints all changes. Lines end with a newline.
void print_difference(const Difference& difference, const Display& display, Extent extent, const Sink& sink);

}  // namespace hermitage::inspect
