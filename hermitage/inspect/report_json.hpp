// A report for scripts.
#pragma once

#include <span>
#include <string>

#include "hermitage/inspect/report.hpp"

namespace hermitage::inspect {

// One JSON object, indented, without a newline at its end. docs/inspect.md describes its keys.
[[nodiscard]] auto to_json(const Report& report) -> std::string;

// One JSON array of such objects.
[[nodiscard]] auto to_json(std::span<const Report> reports) -> std::string;

}  // namespace hermitage::inspect
