// A guest for the session of a debugger, in tests and in the fuzz target: a few bytes of registers and memory.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "hermitage/vmm/arch/arch.hpp"
#include "hermitage/vmm/debug/hex.hpp"
#include "hermitage/vmm/debug/target.hpp"

namespace hermitage::vmm::debug {

// Executes requests, and records them.
class FakeTarget : public Target {
 public:
  static constexpr std::uint64_t kMemory = 0x1000;  // start of the memory
  static constexpr std::size_t kMemorySize = 0x6000;
  using Place = std::tuple<BreakpointKind, std::uint64_t, std::uint64_t>;

  explicit FakeTarget(unsigned vcpus = 4) : registers(vcpus) {
    for (std::size_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<std::byte>(i);
  }

  auto vcpu_count() const -> unsigned override { return static_cast<unsigned>(registers.size()); }
  auto describe(unsigned vcpu) -> std::string override { return "stands " + std::to_string(vcpu); }

  auto read_register(unsigned vcpu, unsigned number, std::span<std::byte> bytes) -> bool override {
    return !fails && arch::read_register(registers.at(vcpu), number, bytes);
  }
  auto write_register(unsigned vcpu, unsigned number, std::span<const std::byte> bytes) -> bool override {
    return !fails && arch::write_register(registers.at(vcpu), number, bytes);
  }

  auto read_memory(unsigned vcpu, std::uint64_t address, std::span<std::byte> bytes) -> std::size_t override {
    memory_vcpu = vcpu;
    const auto source = from(address);
    const auto size = std::min(source.size(), bytes.size());
    std::ranges::copy(source.first(size), bytes.begin());
    return size;
  }
  auto write_memory(unsigned vcpu, std::uint64_t address, std::span<const std::byte> bytes) -> bool override {
    memory_vcpu = vcpu;
    const auto target = from(address);
    if (target.size() < bytes.size()) return false;
    std::ranges::copy(bytes, target.begin());
    return true;
  }

  auto insert(unsigned vcpu, BreakpointKind kind, std::uint64_t address, std::uint64_t size)
      -> BreakpointOutcome override {
    memory_vcpu = vcpu;
    if (kind == BreakpointKind::read_watch) return BreakpointOutcome::unsupported;
    if (from(address).empty()) return BreakpointOutcome::failed;
    breakpoints.emplace(kind, address, size);
    return BreakpointOutcome::done;
  }
  auto remove(BreakpointKind kind, std::uint64_t address, std::uint64_t size) -> BreakpointOutcome override {
    if (kind == BreakpointKind::read_watch) return BreakpointOutcome::unsupported;
    return breakpoints.erase({kind, address, size}) != 0 ? BreakpointOutcome::done : BreakpointOutcome::failed;
  }

  void resume(std::span<const Action> wanted) override {
    actions.assign(wanted.begin(), wanted.end());
    ++resumes;
  }
  void interrupt() override { ++interrupts; }
  void remove_all() override { breakpoints.clear(); }
  void kill() override { is_killed = true; }

  auto command(unsigned vcpu, std::string_view words) -> std::string override {
    if (words == "long") return std::string(20'000, 'x');
    if (words == "nothing") return "";
    return std::to_string(vcpu) + ": " + std::string{words} + "\n";
  }

  auto file_name() const -> std::string_view override { return name; }
  auto file() const -> std::span<const std::byte> override { return memory; }
  auto load_offset() const -> std::uint64_t override { return 0x200000; }

  std::vector<arch::DebugState> registers;
  std::array<std::byte, kMemorySize> memory{};
  std::set<Place> breakpoints;
  std::vector<Action> actions;  // of the last resume()
  std::string name = "/guests/hello";
  std::optional<unsigned> memory_vcpu;  // the last vCPU whose memory was accessed
  int resumes = 0;
  int interrupts = 0;
  bool is_killed = false;
  bool fails = false;  // registers cannot be accessed

 private:
  // The memory from this address to its end.
  auto from(std::uint64_t address) -> std::span<std::byte> {
    if (address < kMemory || address - kMemory >= memory.size()) return {};
    return std::span{memory}.subspan(address - kMemory);
  }
};

}  // namespace hermitage::vmm::debug
