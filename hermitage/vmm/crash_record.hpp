// Data of a guest whose run has ended: its stack, its last hypercalls, and its core.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hermitage/entry/address.hpp"
#include "hermitage/vmm/arch/arch.hpp"
#include "hermitage/vmm/debug/core_file.hpp"
#include "hermitage/vmm/ending.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"
#include "hermitage/vmm/vcpu.hpp"

namespace hermitage::vmm {

// The guest must not run.
class CrashRecord {
 public:
  // `memory` and `vcpus` must exist as long as the record.
  CrashRecord(const GuestMemory& memory, std::span<const std::unique_ptr<Vcpu>> vcpus) noexcept
      : memory_{memory}, vcpus_{vcpus} {}

  void copy_stack(GuestCrash& crash) const;
  // The last hypercalls of each vCPU: see RunResult.
  [[nodiscard]] auto last_hypercalls() const -> std::vector<std::vector<std::string>>;

  struct CoreRequest {
    const debug::CoreOptions& options;
    const arch::MemoryLayout& layout;
    GuestAddress entry_point;                  // in memory
    std::chrono::milliseconds time;            // the limit
    const std::function<bool()>& is_stopping;  // see debug::write_core()
  };

  // Nothing if no core is wanted for this ending. Fails with host_failed.
  [[nodiscard]] auto write_core(const Ending& ending, const CoreRequest& request) const
      -> std::optional<Result<debug::CoreSummary>>;

 private:
  [[nodiscard]] auto core_note(const debug::CoreOptions& options, const Ending& ending) const -> std::string;

  const GuestMemory& memory_;
  std::span<const std::unique_ptr<Vcpu>> vcpus_;
};

}  // namespace hermitage::vmm
