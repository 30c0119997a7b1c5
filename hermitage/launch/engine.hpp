// Which engine runs a guest.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "hermitage/launch/failure.hpp"
#include "hermitage/launch/launch_options.hpp"

namespace hermitage::launch {

// What the choice depends on besides what the user wants.
struct EngineFacts {
  std::optional<std::string> qemu_option;  // an option that is given, and that is an option for QEMU
  std::optional<std::string>
      why_no_monitor;  // a sentence, where it is plain to see that the monitor runs no guest here
};

struct EngineChoice {
  Engine engine = Engine::kvm;  // kvm or qemu
  std::string reason = {};      // why it is QEMU; empty where the user wants it
  bool may_fall_back = false;   // QEMU runs the guest where the monitor cannot

  friend auto operator==(const EngineChoice&, const EngineChoice&) -> bool = default;
};

// Fails with usage where an option for QEMU is given and the monitor is wanted.
[[nodiscard]] auto choose_engine(Engine wanted, const EngineFacts& facts) -> OrFailure<EngineChoice>;

// The facts of this host, as far as the choice needs them. `qemu_option` may be null.
[[nodiscard]] auto engine_facts(Engine wanted, const char* qemu_option) -> EngineFacts;

// The engine to try next where the chosen one failed so, and why; nothing where the failure stands.
[[nodiscard]] auto fallback(const EngineChoice& choice, const Failure& failure) -> std::optional<EngineChoice>;

}  // namespace hermitage::launch
