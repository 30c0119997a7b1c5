// Sizes for people.
#pragma once

#include "hermitage/inspect/report_text.hpp"
#include "hermitage/inspect/sink.hpp"
#include "hermitage/inspect/sizes.hpp"

namespace hermitage::inspect {

// A table of the rows, the largest first, of what no symbol explains, and of what is not loaded. Lines end with a
// newline.
void print_sizes(const Sizes& sizes, Colour colour, Extent extent, const Sink& sink);

}  // namespace hermitage::inspect
