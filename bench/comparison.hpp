// Parses and loads one file with this library and with hermit-entry, and compares the results.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "hermitage/entry/address.hpp"

namespace hermitage::bench {

enum class Outcome : std::uint8_t {
  agree,              // both load it, with equal results
  agree_unloaded,     // both parse it with equal results; too large to load
  both_refuse,        // neither can parse and load it
  refused_here,       // only hermit-entry loads it
  refused_there,      // only this library loads it
  differ_on_purpose,  // both load it, with different results for a known reason
  disagree,           // the results differ without a known reason: one of the two has an error
};

struct Comparison {
  Outcome outcome = Outcome::agree;
  // refused_here: name of the problem. refused_there: result of hermit-entry. differ_on_purpose: the reason.
  // disagree: the difference.
  std::string detail = {};
};

// Loads a relocatable kernel at each of `starts` (at least one), and a fixed kernel at its own address. The bytes
// must be aligned to 8 bytes.
[[nodiscard]] auto compare(std::span<const std::byte> elf, std::span<const entry::GuestAddress> starts) -> Comparison;

}  // namespace hermitage::bench
