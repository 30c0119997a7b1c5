// A report for people.
#pragma once

#include <string>

#include "hermitage/inspect/report.hpp"

namespace hermitage::inspect {

enum class Colour : bool { off, on };

// How much of segments, notes and their descriptors a summary shows: what fits a screen, or everything.
enum class Extent : bool { brief, full };

// What a person wants to know first, down to a drawn map of the loaded kernel. Lines end with a newline.
[[nodiscard]] auto summary_text(const Report& report, Colour colour, Extent extent = Extent::brief) -> std::string;

// One part in full, as a table with a heading. The report must have been made with the details it shows.
[[nodiscard]] auto segments_text(const Report& report, Colour colour) -> std::string;
[[nodiscard]] auto notes_text(const Report& report, Colour colour) -> std::string;
[[nodiscard]] auto relocations_text(const Report& report, Colour colour) -> std::string;
[[nodiscard]] auto symbols_text(const Report& report, Colour colour) -> std::string;
[[nodiscard]] auto sections_text(const Report& report, Colour colour) -> std::string;
[[nodiscard]] auto load_plan_text(const Report& report, Colour colour) -> std::string;

}  // namespace hermitage::inspect
