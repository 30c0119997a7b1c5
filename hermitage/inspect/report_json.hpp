// A report for scripts.
#pragma once

#include <span>
#include <string>

#include "hermitage/inspect/json.hpp"
#include "hermitage/inspect/report.hpp"

namespace hermitage::inspect {

// One JSON object, indented, without a newline at its end. docs/inspect.md describes its keys.
[[nodiscard]] auto to_json(const Report& report) -> std::string;

// One JSON array of such objects.
[[nodiscard]] auto to_json(std::span<const Report> reports) -> std::string;

// The configuration of an image, as it stands in such an object.
[[nodiscard]] auto config_json(const image::Config& config) -> Json;

}  // namespace hermitage::inspect
