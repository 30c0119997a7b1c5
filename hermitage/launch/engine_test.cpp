#include "hermitage/launch/engine.hpp"

#include <optional>

#include <gtest/gtest.h>

#include "hermitage/launch/monitor_host.hpp"

namespace hermitage::launch {
namespace {

constexpr auto kOption = "--dry-run";
constexpr auto kNoMonitor = "there is no KVM";
constexpr auto kForQemu = "--dry-run is an option for QEMU";

TEST(ChooseEngine, TakesTheMonitorWhereItCan) {
  const EngineChoice monitor{.engine = Engine::kvm};
  const EngineChoice monitor_first{.engine = Engine::kvm, .may_fall_back = true};
  const EngineChoice qemu{.engine = Engine::qemu};
  const EngineChoice qemu_for_option{.engine = Engine::qemu, .reason = kForQemu};
  const EngineChoice qemu_for_want{.engine = Engine::qemu, .reason = kNoMonitor};
  struct Case {
    Engine wanted;
    EngineFacts facts;
    EngineChoice choice;
  };
  for (const auto& [wanted, facts, choice] :
       {Case{Engine::any, {}, monitor_first},
        Case{Engine::any, {.qemu_option = {}, .why_no_monitor = kNoMonitor}, qemu_for_want},
        Case{Engine::any, {.qemu_option = kOption, .why_no_monitor = {}}, qemu_for_option},
        Case{Engine::any, {.qemu_option = kOption, .why_no_monitor = kNoMonitor}, qemu_for_option},
        Case{Engine::kvm, {}, monitor},
        // The monitor says itself what it lacks.
        Case{Engine::kvm, {.qemu_option = {}, .why_no_monitor = kNoMonitor}, monitor}, Case{Engine::qemu, {}, qemu},
        Case{Engine::qemu, {.qemu_option = kOption, .why_no_monitor = kNoMonitor}, qemu}}) {
    const auto chosen = choose_engine(wanted, facts);
    ASSERT_TRUE(chosen);
    EXPECT_EQ(*chosen, choice) << chosen->reason;
  }
}

TEST(ChooseEngine, RefusesAnOptionForQemuInTheMonitor) {
  const auto chosen = choose_engine(Engine::kvm, {.qemu_option = kOption, .why_no_monitor = {}});
  ASSERT_FALSE(chosen);
  EXPECT_EQ(chosen.error().code, Failure::Code::usage);
  EXPECT_EQ(chosen.error().text, kForQemu);
}

TEST(EngineFacts, LooksAtTheHostOnlyWhereThatCounts) {
  EXPECT_EQ(engine_facts(Engine::kvm, nullptr).why_no_monitor, std::nullopt);
  EXPECT_EQ(engine_facts(Engine::qemu, nullptr).why_no_monitor, std::nullopt);
  EXPECT_EQ(engine_facts(Engine::any, nullptr).why_no_monitor, why_no_monitor());
  const auto with_option = engine_facts(Engine::any, kOption);
  EXPECT_EQ(with_option.qemu_option, kOption);
  EXPECT_EQ(with_option.why_no_monitor, std::nullopt);
}

TEST(RequireMonitor, LeavesNoOtherEngine) {
  EngineChoice monitor{.engine = Engine::kvm, .may_fall_back = true};
  ASSERT_TRUE(require_monitor(monitor, "app.snap"));
  EXPECT_FALSE(monitor.may_fall_back);
  EngineChoice selected{.engine = Engine::qemu};
  const auto usage = require_monitor(selected, "app.snap");
  ASSERT_FALSE(usage);
  EXPECT_EQ(usage.error().code, Failure::Code::usage);
  EngineChoice chosen{.engine = Engine::qemu, .reason = kNoMonitor};
  const auto failed = require_monitor(chosen, "app.snap");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Failure::Code::not_started);
  EXPECT_EQ(failed.error().subject, "app.snap");
  EXPECT_TRUE(failed.error().text.ends_with(kNoMonitor)) << failed.error().text;
}

TEST(Fallback, IsForWhatTheEngineCannotDo) {
  const EngineChoice first{.engine = Engine::kvm, .may_fall_back = true};
  const Failure engines{.text = kNoMonitor, .is_the_engines = true};
  EXPECT_EQ(fallback(first, engines), (EngineChoice{.engine = Engine::qemu, .reason = kNoMonitor}));
  EXPECT_EQ(fallback(first, {.text = kNoMonitor}), std::nullopt);
  EXPECT_EQ(fallback({.engine = Engine::kvm}, engines), std::nullopt);
}

}  // namespace
}  // namespace hermitage::launch
