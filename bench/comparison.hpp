// One file, parsed and loaded here and by hermit-entry: do they agree?
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "hermitage/entry/address.hpp"

namespace hermitage::bench {

enum class Outcome : std::uint8_t {
  agree,              // both load it, to the same effect
  agree_unloaded,     // both parse it to the same effect; it takes too much memory to be loaded
  both_refuse,        // neither can parse and load it
  refused_here,       // only hermit-entry loads it
  refused_there,      // only this library loads it
  differ_on_purpose,  // both load it, to different effect, for a known reason
  disagree,           // the same without a known reason: there is an error in one of them
};

struct Comparison {
  Outcome outcome = Outcome::agree;
  // refused_here: the problem's name. refused_there: how hermit-entry ended. differ_on_purpose: the reason.
  // disagree: what differs.
  std::string detail = {};
};

// Loads a relocatable kernel at each of `starts`, at least one, any other at its own address. The bytes are
// aligned to 8 bytes.
[[nodiscard]] auto compare(std::span<const std::byte> elf, std::span<const entry::GuestAddress> starts) -> Comparison;

}  // namespace hermitage::bench
