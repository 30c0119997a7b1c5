#include "hermitage/vmm/crash_record.hpp"

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <iterator>
#include <variant>

#include <fmt/format.h>

#include "hermitage/vmm/stack_copy.hpp"

namespace hermitage::vmm {
namespace {

auto description_of(const Ending& ending) -> std::string {
  if (const auto* const crash = std::get_if<GuestCrash>(&ending)) {
    return fmt::format("vCPU {} crashed: {}", crash->cpu, crash->reason);
  }
  if (const auto* const exit = std::get_if<GuestExit>(&ending)) return fmt::format("exit code {}", exit->code);
  if (const auto* const stopped = std::get_if<Stopped>(&ending)) return fmt::format("signal {}", stopped->reason);
  return "";
}

// The signal that a core reports for this ending. Nothing if no core is wanted.
auto core_signal(const debug::CoreOptions& options, const Ending& ending) -> std::optional<int> {
  if (std::holds_alternative<GuestCrash>(ending)) return SIGSEGV;
  if (std::holds_alternative<GuestExit>(ending) && options.on_exit) return 0;
  const auto* const stopped = std::get_if<Stopped>(&ending);
  if (stopped != nullptr && options.on_stop == stopped->reason) return stopped->reason;
  return std::nullopt;
}

}  // namespace

void CrashRecord::copy_stack(GuestCrash& crash) const {
  const auto paging = arch::paging_of(crash.registers);
  if (paging) crash.stack = StackCopy::make(memory_, *paging, arch::stack_pointer(crash.registers));
}

auto CrashRecord::last_hypercalls() const -> std::vector<std::vector<std::string>> {
  std::vector<std::vector<std::string>> result;
  for (const auto& vcpu : vcpus_) result.push_back(vcpu->hypercall_log()->lines(memory_));
  return result;
}

auto CrashRecord::write_core(const Ending& ending, const CoreRequest& request) const
    -> std::optional<Result<debug::CoreSummary>> {
  const auto signal = core_signal(request.options, ending);
  if (!signal) return std::nullopt;
  std::vector<debug::CoreContent::Vcpu> vcpus;
  for (const auto& vcpu : vcpus_) {
    if (vcpu->final_state() != nullptr) vcpus.push_back({.state = *vcpu->final_state(), .number = vcpu->number()});
  }
  const auto* const crash = std::get_if<GuestCrash>(&ending);
  const auto first = std::ranges::find(vcpus, crash == nullptr ? 0 : crash->cpu, &debug::CoreContent::Vcpu::number);
  if (first != vcpus.end()) std::rotate(vcpus.begin(), first, std::next(first));
  // Some CPUs reset a vCPU that has shut down. Hermit keeps the page tables with which it was entered.
  const auto paging = vcpus.empty() ? std::nullopt : arch::paging_of(arch::general_registers(vcpus.front().state));
  const auto note = core_note(request.options, ending);
  return debug::write_core(request.options.file.get(),
                           {.memory = memory_,
                            .paging = paging.value_or(arch::boot_paging(request.layout)),
                            .vcpus = vcpus,
                            .signal = *signal,
                            .entry_point = request.entry_point.value,
                            .kernel = request.layout.kernel,
                            .image = request.options.image,
                            .note = note},
                           {.size = request.options.limit, .time = request.time}, request.is_stopping);
}

auto CrashRecord::core_note(const debug::CoreOptions& options, const Ending& ending) const -> std::string {
  auto note = fmt::format("program: {}\nimage: {}\nend: {}\n", options.program, options.image, description_of(ending));
  const auto hypercalls = last_hypercalls();
  for (std::size_t vcpu = 0; vcpu < hypercalls.size(); ++vcpu) {
    note += fmt::format("last hypercalls of vCPU {}:\n", vcpu);
    for (const auto& line : hypercalls[vcpu]) note += fmt::format("  {}\n", line);
  }
  return note;
}

}  // namespace hermitage::vmm
