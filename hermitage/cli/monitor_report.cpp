#include "hermitage/cli/monitor_report.hpp"

#include <chrono>
#include <numeric>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "hermitage/entry/kernel_object.hpp"
#include "hermitage/inspect/demangle.hpp"
#include "hermitage/inspect/json.hpp"
#include "hermitage/inspect/quantities.hpp"

namespace hermitage::cli {
namespace {

using vmm::arch::Registers;

// The registers after a reset. An AMD CPU resets a vCPU that shut down before the monitor can read its registers.
constexpr std::uint64_t kResetRip = 0xfff0;

auto milliseconds_of(std::chrono::nanoseconds time) -> double {
  return std::chrono::duration<double, std::milli>{time}.count();
}

// The function at an address of the loaded kernel, such as "main+0x12".
auto symbol_at(const entry::KernelObject& kernel, std::uint64_t address, std::uint64_t start)
    -> std::optional<std::string> {
  const auto linked = kernel.is_relocatable() ? address - start : address;
  for (const auto symbol : kernel.file().symbols().symbols()) {
    if (symbol.size == 0 || linked < symbol.value || linked - symbol.value >= symbol.size) continue;
    const auto name = inspect::demangle(kernel.file().symbols().name(symbol));
    return fmt::format("{}+{:#x}", inspect::printable(name), linked - symbol.value);
  }
  return std::nullopt;
}

auto symbol_text(const launch::KernelPlace& kernel, std::uint64_t rip) -> std::string {
  const auto parsed = entry::KernelObject::parse(kernel.elf);
  if (!parsed || rip < kernel.start || rip >= kernel.end) return {};
  const auto symbol = symbol_at(*parsed, rip, kernel.start);
  const auto place = fmt::format("the kernel's {:#x}", rip - kernel.start);
  return symbol ? fmt::format("  ({}, {})", *symbol, place) : fmt::format("  ({})", place);
}

auto general_text(const Registers& registers) -> std::string {
  return fmt::format(
      "  rax {:#018x}  rbx {:#018x}  rcx {:#018x}  rdx {:#018x}\n"
      "  rsi {:#018x}  rdi {:#018x}  rbp {:#018x}  r8  {:#018x}\n"
      "  r9  {:#018x}  r10 {:#018x}  r11 {:#018x}  r12 {:#018x}\n"
      "  r13 {:#018x}  r14 {:#018x}  r15 {:#018x}  efer {:#x}\n",
      registers.rax, registers.rbx, registers.rcx, registers.rdx, registers.rsi, registers.rdi, registers.rbp,
      registers.r8, registers.r9, registers.r10, registers.r11, registers.r12, registers.r13, registers.r14,
      registers.r15, registers.efer);
}

}  // namespace

auto registers_text(const vmm::GuestDeath& death, const launch::KernelPlace& kernel, bool all) -> std::string {
  const auto& registers = death.registers;
  if (registers.rip == kResetRip && (registers.cr0 & vmm::x86_64::kControl0Paging) == 0) {
    return fmt::format("  vCPU {}: registers unknown, because this host's CPU has reset them\n", death.cpu);
  }
  auto text = fmt::format("  vCPU {}: rip {:#x}{}\n", death.cpu, registers.rip, symbol_text(kernel, registers.rip));
  text += fmt::format("  rsp {:#x}  rflags {:#x}  cr0 {:#x}  cr2 {:#x}  cr3 {:#x}  cr4 {:#x}\n", registers.rsp,
                      registers.rflags, registers.cr0, registers.cr2, registers.cr3, registers.cr4);
  if (all) text += general_text(registers);
  return text;
}

auto hypercalls_text(std::span<const std::vector<std::string>> hypercalls) -> std::string {
  std::string text;
  for (std::size_t vcpu = 0; vcpu < hypercalls.size(); ++vcpu) {
    if (hypercalls[vcpu].empty()) continue;
    text += fmt::format("  last hypercalls of vCPU {}:\n", vcpu);
    for (const auto& line : hypercalls[vcpu]) text += fmt::format("    {}\n", line);
  }
  return text;
}

auto statistics_text(const vmm::Statistics& statistics) -> std::string {
  std::string text;
  const auto add = [&](std::string_view name, std::string_view value) {
    text += fmt::format("{:<32} {}\n", name, value);
  };
  add("Time to the first instruction", fmt::format("{:.3f} ms", milliseconds_of(statistics.preparation)));
  add("Run time", fmt::format("{:.3f} ms", milliseconds_of(statistics.run_time)));
  add("Peak memory", inspect::human_size(statistics.peak_memory));
  add("Coalesced writes", fmt::format("{}", statistics.coalesced_writes));
  text += "Exits\n";
  for (const auto& [kind, counts] : statistics.exits) {
    auto value = fmt::format("{}", std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}));
    if (counts.size() > 1) {
      value += "  (";
      for (std::size_t cpu = 0; cpu < counts.size(); ++cpu) {
        value += fmt::format("{}cpu{} {}", cpu == 0 ? "" : ", ", cpu, counts[cpu]);
      }
      value += ")";
    }
    add(fmt::format("  {}", kind), value);
  }
  return text;
}

auto statistics_json(const vmm::Statistics& statistics) -> std::string {
  inspect::Json exits = inspect::Json::object();
  for (const auto& [kind, counts] : statistics.exits) {
    exits[kind] = {{"total", std::accumulate(counts.begin(), counts.end(), std::uint64_t{0})}, {"by_cpu", counts}};
  }
  const inspect::Json object{{"time_to_first_instruction_ns", statistics.preparation.count()},
                             {"run_time_ns", statistics.run_time.count()},
                             {"peak_memory", statistics.peak_memory},
                             {"coalesced_writes", statistics.coalesced_writes},
                             {"exits", exits}};
  return inspect::dump(object) + "\n";
}

}  // namespace hermitage::cli
