// What a host offers to a monitor.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hermitage::vmm {

struct HostCheck {
  enum class Outcome : std::uint8_t {
    good,
    weak,     // guests run, but not as well as they could
    missing,  // guests do not run
  };

  std::string subject;  // "KVM", "memory" …
  Outcome outcome = Outcome::good;
  std::string finding;  // a sentence without a full stop: what there is, or what to do
};

// Looks at everything that running a guest depends on. Nothing is changed on the host.
[[nodiscard]] auto check_host() -> std::vector<HostCheck>;

}  // namespace hermitage::vmm
