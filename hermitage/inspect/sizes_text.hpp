// The text of sizes.
#pragma once

#include "hermitage/inspect/report_text.hpp"
#include "hermitage/inspect/sink.hpp"
#include "hermitage/inspect/sizes.hpp"

namespace hermitage::inspect {

// Prints a table of the rows, the largest first, of the bytes without a symbol, and of the bytes that are not loaded.
// Lines end with a newline.
void print_sizes(const Sizes& sizes, const Display& display, Extent extent, const Sink& sink);

}  // namespace hermitage::inspect
