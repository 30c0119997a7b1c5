// JSON of sizes.
#pragma once

#include <span>

#include "hermitage/inspect/sink.hpp"
#include "hermitage/inspect/sizes.hpp"

namespace hermitage::inspect {

// Prints one indented JSON object, without a newline at the end. docs/inspect.md describes its keys.
void print_sizes_json(const Sizes& sizes, const Sink& sink);

// Prints one JSON array of such objects.
void print_sizes_json_array(std::span<const Sizes> sizes, const Sink& sink);

}  // namespace hermitage::inspect
