#include "hermitage/launch/engine.hpp"

#include <fmt/format.h>

namespace hermitage::launch {

auto choose_engine(Engine wanted, const EngineFacts& facts) -> OrFailure<EngineChoice> {
  if (wanted == Engine::qemu) return EngineChoice{.engine = Engine::qemu};
  if (facts.qemu_option) {
    auto reason = fmt::format("{} is for QEMU only", *facts.qemu_option);
    if (wanted == Engine::kvm) return wrong_usage(std::move(reason));
    return EngineChoice{.engine = Engine::qemu, .reason = std::move(reason)};
  }
  if (wanted == Engine::kvm) return EngineChoice{.engine = Engine::kvm};
  if (facts.why_no_monitor) return EngineChoice{.engine = Engine::qemu, .reason = *facts.why_no_monitor};
  return EngineChoice{.engine = Engine::kvm, .may_fall_back = true};
}

}  // namespace hermitage::launch
