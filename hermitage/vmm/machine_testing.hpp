// Machines with guests of this project, for tests. The tests are skipped if KVM cannot run them.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "hermitage/vmm/machine.hpp"
#include "testing/images.hpp"
#include "testing/temporary_directory.hpp"

namespace hermitage::vmm {

[[nodiscard]] inline auto guest_path(const std::string& name) -> std::string {
  return std::string{HERMITAGE_GUESTS} + "/x86_64/" + name;
}

// The reason why guests cannot run here, or "".
[[nodiscard]] inline auto why_no_guests() -> std::string {
  const auto hello = guest_path("if3/hello");
  if (!std::filesystem::exists(hello)) return "no " + hello;
  const auto elf = testing::read_bytes(hello);
  const auto machine = Machine::create({.elf = elf}, {.output = NoOutput{}}, GuestFiles{"/tmp"});
  return machine ? "" : machine.error().message();
}

class MachineTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    static const auto why = why_no_guests();
    if (!why.empty()) GTEST_SKIP() << why;
  }

  auto create(const std::string& name, MachineOptions options) -> Machine {
    elf_ = testing::read_bytes(guest_path(GetParam() + "/" + name));
    auto machine = Machine::create({.elf = elf_}, std::move(options), GuestFiles{directory.path()});
    if (!machine) throw std::runtime_error{machine.error().message()};
    return std::move(*machine);
  }

  auto run(const std::string& name, MachineOptions options = {}) -> RunResult {
    if (std::holds_alternative<StandardOutput>(options.output)) options.output = OutputBuffer{};
    if (!options.timeout) options.timeout = std::chrono::minutes{1};
    auto result = create(name, std::move(options)).run();
    if (!result) throw std::runtime_error{result.error().message()};
    return std::move(*result);
  }

  testing::TemporaryDirectory directory;

 private:
  std::vector<std::byte> elf_;
};

[[nodiscard]] inline auto exit_code(const RunResult& result) -> std::int64_t {
  const auto* const exit = std::get_if<GuestExit>(&result.ending);
  if (exit != nullptr) return exit->code;
  const auto* const crash = std::get_if<GuestCrash>(&result.ending);
  return crash == nullptr ? INT64_MIN : (ADD_FAILURE() << crash->reason, INT64_MAX);
}

}  // namespace hermitage::vmm
