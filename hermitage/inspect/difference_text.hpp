// A difference for people.
#pragma once

#include "hermitage/inspect/difference.hpp"
#include "hermitage/inspect/report_text.hpp"
#include "hermitage/inspect/sink.hpp"

namespace hermitage::inspect {

// What grew, shrank, came and went. Lines end with a newline.
void print_difference(const Difference& difference, Colour colour, Extent extent, const Sink& sink);

}  // namespace hermitage::inspect
