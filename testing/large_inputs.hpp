// Inputs that are small as files and cost those much who read them carelessly: deep, long, linked, repeated.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "testing/archives.hpp"

namespace hermitage::testing {

// "d/d/…/d": `depth` names.
[[nodiscard]] auto deep_path(std::size_t depth) -> std::string;

// An entry under a name of any length, as GNU tar writes it: the entry of its long name, and itself.
void append_entry(std::vector<TarEntry>& entries, TarEntry entry);

// Empty files, or directories with one in each, `depth` directories deep.
[[nodiscard]] auto deep_files(std::size_t count, std::size_t depth) -> std::vector<TarEntry>;
[[nodiscard]] auto deep_directories(std::size_t count, std::size_t depth) -> std::vector<TarEntry>;

// Hard links "1", "2", …, each to the one before it, the first to "kernel".
[[nodiscard]] auto link_chain(std::size_t count) -> std::vector<TarEntry>;

// A configuration with so many variables, none twice.
[[nodiscard]] auto config_of_variables(std::size_t count) -> std::string;

}  // namespace hermitage::testing
