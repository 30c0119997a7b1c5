// One requirement of running guests, and whether the host meets it.
#pragma once

#include <cstdint>
#include <string>

namespace hermitage::base {

struct HostCheck {
  enum class Outcome : std::uint8_t {
    good,
    weak,     // guests run, but more slowly or less isolated than possible
    missing,  // guests do not run with this engine
  };

  std::string subject;  // "KVM", "memory" …
  Outcome outcome = Outcome::good;
  std::string finding;  // a sentence without a full stop: what was found, or what to do
};

}  // namespace hermitage::base
