// A report for people.
#pragma once

#include "hermitage/inspect/report.hpp"
#include "hermitage/inspect/sink.hpp"

namespace hermitage::inspect {

enum class Colour : bool { off, on };

// How much of segments, notes and their descriptors a summary shows: what fits a screen, or everything.
enum class Extent : bool { brief, full };

// What a person wants to know first, down to a drawn map of the loaded kernel. Lines end with a newline.
void print_summary(const Report& report, Colour colour, Extent extent, const Sink& sink);

// One part in full, as a table with a heading. The report must have been made with the details it shows.
void print_segments(const Report& report, Colour colour, const Sink& sink);
void print_notes(const Report& report, Colour colour, const Sink& sink);
void print_relocations(const Report& report, Colour colour, const Sink& sink);
void print_symbols(const Report& report, Colour colour, const Sink& sink);
void print_sections(const Report& report, Colour colour, const Sink& sink);
void print_load_plan(const Report& report, Colour colour, const Sink& sink);

}  // namespace hermitage::inspect
