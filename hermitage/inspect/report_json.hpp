// JSON of a report.
#pragma once

#include <span>

#include "hermitage/inspect/json.hpp"
#include "hermitage/inspect/report.hpp"
#include "hermitage/inspect/sink.hpp"

namespace hermitage::inspect {

// Prints one indented JSON object, without a newline at the end. docs/inspect.md describes its keys.
void print_json(const Report& report, const Sink& sink);

// Prints one JSON array of such objects.
void print_json_array(std::span<const Report> reports, const Sink& sink);

// The configuration of an image, in the format of such an object.
[[nodiscard]] auto config_json(const image::Config& config) -> Json;

}  // namespace hermitage::inspect
