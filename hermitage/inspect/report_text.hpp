// The text of a report.
#pragma once

#include "hermitage/inspect/display.hpp"
#include "hermitage/inspect/report.hpp"
#include "hermitage/inspect/sink.hpp"

namespace hermitage::inspect {

// How much a summary prints of segments, notes and their descriptors: one screen, or everything.
enum class Extent : bool { brief, full };

// Prints the most important information, with a map of the loaded kernel that is as wide as the display. Lines end with
// a newline.
void print_summary(const Report& report, const Display& display, Extent extent, const Sink& sink);

// Prints one part completely, as a table with a heading. The report must contain the details of the part.
void print_segments(const Report& report, const Display& display, const Sink& sink);
void print_notes(const Report& report, const Display& display, const Sink& sink);
void print_relocations(const Report& report, const Display& display, const Sink& sink);
void print_symbols(const Report& report, const Display& display, const Sink& sink);
void print_sections(const Report& report, const Display& display, const Sink& sink);
void print_load_plan(const Report& report, const Display& display, const Sink& sink);

}  // namespace hermitage::inspect
