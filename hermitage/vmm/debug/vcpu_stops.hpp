// Holds vCPUs for a debugger, and collects their reports.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/event.hpp"
#include "hermitage/vmm/kvm/exit.hpp"
#include "hermitage/vmm/pause_gate.hpp"

namespace hermitage::vmm::debug {

// A vCPU has stopped, and is held.
struct Report {
  unsigned vcpu = 0;
  bool is_crash = false;  // the vCPU ends the run when it is released
  kvm::DebugEvent event = {};
};

// The threads of vCPUs report and stop. The thread of the debugger takes reports, and holds and releases vCPUs.
class VcpuStops {
 public:
  [[nodiscard]] static auto make(unsigned vcpus) -> Result<std::unique_ptr<VcpuStops>>;
  VcpuStops(const VcpuStops&) = delete;
  auto operator=(const VcpuStops&) -> VcpuStops& = delete;
  ~VcpuStops() = default;

  // The thread of the vCPU calls it. The vCPU is held from now on.
  void report(const Report& report);
  // Does the same for a crash, if a debugger is attached.
  void report_death(unsigned vcpu);
  // Returns when the vCPU is not held, or when the run ends. Until then, the thread is paused for the gate, of which it
  // is a member.
  void stand_while_held(unsigned vcpu, PauseGate& gate, const std::function<bool()>& is_stopping);

  // The thread of the debugger calls the following functions.
  void hold(unsigned vcpu);
  void release(unsigned vcpu);
  [[nodiscard]] auto take_reports() -> std::vector<Report>;
  void set_attached(bool is_attached) noexcept { is_attached_ = is_attached; }
  // Signaled when there is a report.
  [[nodiscard]] auto reported() const noexcept -> const Event& { return reported_; }

  [[nodiscard]] auto descriptors() const -> std::vector<int>;

 private:
  struct Place {
    Event released;
    std::atomic<bool> is_held = false;

    explicit Place(Event event) noexcept : released{std::move(event)} {}
  };

  explicit VcpuStops(Event reported) noexcept : reported_{std::move(reported)} {}

  std::vector<std::unique_ptr<Place>> places_;
  Event reported_;
  std::atomic<bool> is_attached_ = false;
  std::mutex mutex_;  // of reports_
  std::vector<Report> reports_;
};

}  // namespace hermitage::vmm::debug
