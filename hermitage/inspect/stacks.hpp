// Formats of profiles for other tools.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hermitage/inspect/sink.hpp"

namespace hermitage::inspect {

// A stack by the names of its functions, and how often it was seen.
struct NamedStack {
  std::vector<std::string_view> frames;  // the outermost first; at least one
  std::uint64_t samples = 0;
};

struct ProfileTitle {
  std::string name;        // of what was profiled
  std::uint64_t rate = 1;  // samples per second
};

// One line for each stack: its frames, separated by ";", a space, and the number of samples. flamegraph.pl, inferno and
// speedscope read it. A ";" in a name becomes ":", and control characters are escaped.
void print_folded(std::span<const NamedStack> stacks, const Sink& sink);

// The JSON format of https://www.speedscope.app, with times in milliseconds.
void print_speedscope(std::span<const NamedStack> stacks, const ProfileTitle& title, const Sink& sink);

}  // namespace hermitage::inspect
