#include "hermitage/cli/monitor_report.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <numeric>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "hermitage/entry/kernel_object.hpp"
#include "hermitage/inspect/backtrace.hpp"
#include "hermitage/inspect/json.hpp"
#include "hermitage/inspect/quantities.hpp"

namespace hermitage::cli {
namespace {

auto milliseconds_of(std::chrono::nanoseconds time) -> double {
  return std::chrono::duration<double, std::milli>{time}.count();
}

// "850 ns", "1.2 µs": with at most one digit after the point.
auto duration_text(std::chrono::nanoseconds time) -> std::string {
  constexpr double kThousand = 1000;
  auto value = static_cast<double>(time.count());
  if (value < kThousand) return fmt::format("{} ns", time.count());
  for (const auto* const unit : {"µs", "ms"}) {
    value /= kThousand;
    if (value < kThousand) return fmt::format("{:.1f} {}", value, unit);
  }
  return fmt::format("{:.1f} s", value / kThousand);
}

// A row for each hypercall; the one that took most time is first.
auto hypercalls_text(const std::map<std::string, vmm::HypercallTimes>& hypercalls) -> std::string {
  if (hypercalls.empty()) return {};
  std::vector<std::pair<std::string_view, const vmm::HypercallTimes*>> rows;
  rows.reserve(hypercalls.size());
  for (const auto& [name, times] : hypercalls) rows.emplace_back(name, &times);
  std::ranges::stable_sort(rows, std::ranges::greater{}, [](const auto& row) { return row.second->total; });
  auto text = fmt::format("{:<26}{:>10}{:>11}{:>11}{:>11}\n", "Hypercalls", "count", "median", "99 %", "total");
  for (const auto& [name, times] : rows) {
    text += fmt::format("  {:<24}{:>10}{:>11}{:>11}{:>11}\n", name, times->count, duration_text(times->median),
                        duration_text(times->percentile_99), duration_text(times->total));
  }
  return text;
}

auto place_text(const launch::KernelPlace& kernel, std::uint64_t address) -> std::string {
  if (kernel.elf.empty() || address < kernel.start || address >= kernel.end) return {};
  return fmt::format("  (the kernel's {:#x})", address - kernel.start);
}

}  // namespace

auto registers_text(const vmm::GuestCrash& crash, const launch::KernelPlace& kernel, bool all) -> std::string {
  const auto& registers = crash.registers;
  if (vmm::arch::are_reset(registers)) {
    return fmt::format("  vCPU {}: registers unknown, because this host's CPU has reset them\n", crash.cpu);
  }
  const auto address = vmm::arch::stack_registers(registers).instruction;
  return fmt::format("  vCPU {}: {} {:#x}{}\n", crash.cpu, vmm::arch::kProgramCounterName, address,
                     place_text(kernel, address)) +
         vmm::arch::register_text(registers, all);
}

auto backtrace_text(const vmm::GuestCrash& crash, const launch::KernelPlace& kernel) -> std::string {
  const auto parsed = entry::KernelObject::parse(kernel.elf);
  if (!parsed || vmm::arch::are_reset(crash.registers)) return {};
  const auto offset = parsed->is_relocatable() ? kernel.start : 0;
  const auto read = [&](std::uint64_t address) { return crash.stack.word_at(address); };
  return inspect::backtrace_text(
      inspect::make_backtrace(parsed->file(), offset, {vmm::arch::frame_registers(crash.registers)}, read));
}

auto core_text(const vmm::Result<launch::CoreReport>& core, const std::string& path) -> std::string {
  if (!core) return fmt::format("no core file {}: {}", path, core.error().text);
  return fmt::format("the core file {} has {} of the guest's memory{}", path, inspect::human_size(core->size),
                     core->is_complete ? "" : "; the rest exceeds --core-limit");
}

auto last_hypercalls_text(std::span<const std::vector<std::string>> hypercalls) -> std::string {
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
  return text + hypercalls_text(statistics.hypercalls);
}

auto statistics_json(const vmm::Statistics& statistics) -> std::string {
  inspect::Json exits = inspect::Json::object();
  for (const auto& [kind, counts] : statistics.exits) {
    exits[kind] = {{"total", std::accumulate(counts.begin(), counts.end(), std::uint64_t{0})}, {"by_cpu", counts}};
  }
  inspect::Json hypercalls = inspect::Json::object();
  for (const auto& [name, times] : statistics.hypercalls) {
    hypercalls[name] = {{"count", times.count},
                        {"median_ns", times.median.count()},
                        {"percentile_99_ns", times.percentile_99.count()},
                        {"total_ns", times.total.count()}};
  }
  const inspect::Json object{{"time_to_first_instruction_ns", statistics.preparation.count()},
                             {"run_time_ns", statistics.run_time.count()},
                             {"peak_memory", statistics.peak_memory},
                             {"coalesced_writes", statistics.coalesced_writes},
                             {"exits", exits},
                             {"hypercalls", hypercalls}};
  return inspect::dump(object) + "\n";
}

}  // namespace hermitage::cli
