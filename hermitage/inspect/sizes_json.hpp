// Sizes for scripts.
#pragma once

#include <span>

#include "hermitage/inspect/sink.hpp"
#include "hermitage/inspect/sizes.hpp"

namespace hermitage::inspect {

// One JSON object, indented, without a newline at its end. docs/inspect.md describes its keys.
void print_sizes_json(const Sizes& sizes, const Sink& sink);

// One JSON array of such objects.
void print_sizes_json_array(std::span<const Sizes> sizes, const Sink& sink);

}  // namespace hermitage::inspect
