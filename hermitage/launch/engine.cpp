#include "hermitage/launch/engine.hpp"

#include <fmt/format.h>

#include "hermitage/launch/monitor_host.hpp"

namespace hermitage::launch {

auto choose_engine(Engine wanted, const EngineFacts& facts) -> OrFailure<EngineChoice> {
  if (wanted == Engine::qemu) return EngineChoice{.engine = Engine::qemu};
  if (facts.qemu_option) {
    auto reason = fmt::format("{} is an option for QEMU", *facts.qemu_option);
    if (wanted == Engine::kvm) return wrong_usage(std::move(reason));
    return EngineChoice{.engine = Engine::qemu, .reason = std::move(reason)};
  }
  if (wanted == Engine::kvm) return EngineChoice{.engine = Engine::kvm};
  if (facts.why_no_monitor) return EngineChoice{.engine = Engine::qemu, .reason = *facts.why_no_monitor};
  return EngineChoice{.engine = Engine::kvm, .may_fall_back = true};
}

auto require_monitor(EngineChoice& choice, const std::string& subject) -> OrFailure<void> {
  choice.may_fall_back = false;
  if (choice.engine == Engine::kvm) return {};
  if (choice.reason.empty()) return wrong_usage("--engine qemu cannot run or save snapshots; use the monitor");
  return not_started(subject, fmt::format("only the monitor can run or save snapshots, not QEMU: {}", choice.reason));
}

auto engine_facts(Engine wanted, const char* qemu_option) -> EngineFacts {
  EngineFacts facts;
  if (qemu_option != nullptr) facts.qemu_option = qemu_option;
  if (wanted == Engine::any && qemu_option == nullptr) facts.why_no_monitor = why_no_monitor();
  return facts;
}

auto fallback(const EngineChoice& choice, const Failure& failure) -> std::optional<EngineChoice> {
  if (!choice.may_fall_back || !failure.is_the_engines) return std::nullopt;
  return EngineChoice{.engine = Engine::qemu, .reason = failure.text};
}

}  // namespace hermitage::launch
