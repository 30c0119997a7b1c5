// Chooses the engine for a guest.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "hermitage/launch/failure.hpp"
#include "hermitage/launch/launch_options.hpp"

namespace hermitage::launch {

// The facts on which the choice depends, in addition to the options.
struct EngineFacts {
  std::optional<std::string> qemu_option;     // a given option that only QEMU supports
  std::optional<std::string> why_no_monitor;  // a sentence, if the monitor evidently cannot run guests here
};

struct EngineChoice {
  Engine engine = Engine::kvm;  // kvm or qemu
  std::string reason = {};      // why QEMU is used; empty if the user selected it
  bool may_fall_back = false;   // QEMU runs the guest if the monitor cannot

  friend auto operator==(const EngineChoice&, const EngineChoice&) -> bool = default;
};

// Fails with usage if the user selected the monitor and gave an option that only QEMU supports.
[[nodiscard]] auto choose_engine(Engine wanted, const EngineFacts& facts) -> OrFailure<EngineChoice>;

// Collects the facts of this host. `qemu_option` may be null.
[[nodiscard]] auto engine_facts(Engine wanted, const char* qemu_option) -> EngineFacts;

// Keeps the monitor as the only engine, because only the monitor can run the file `subject`. Fails with usage if the
// user selected QEMU, and with not_started if the monitor cannot run guests here.
[[nodiscard]] auto require_monitor(EngineChoice& choice, const std::string& subject) -> OrFailure<void>;

// The engine to try after a failure of the chosen one, and why; nothing if the failure is final.
[[nodiscard]] auto fallback(const EngineChoice& choice, const Failure& failure) -> std::optional<EngineChoice>;

}  // namespace hermitage::launch
