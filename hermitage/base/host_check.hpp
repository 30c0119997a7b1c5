// What a host offers for running guests, one thing at a time.
#pragma once

#include <cstdint>
#include <string>

namespace hermitage::base {

struct HostCheck {
  enum class Outcome : std::uint8_t {
    good,
    weak,     // guests run, but not as well as they could
    missing,  // guests do not run by this
  };

  std::string subject;  // "KVM", "memory" …
  Outcome outcome = Outcome::good;
  std::string finding;  // a sentence without a full stop: what there is, or what to do
};

}  // namespace hermitage::base
