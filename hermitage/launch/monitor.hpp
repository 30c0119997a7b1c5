// A guest in the monitor, on KVM.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "hermitage/launch/failure.hpp"
#include "hermitage/launch/launch_spec.hpp"
#include "hermitage/launch/run_report.hpp"
#include "hermitage/launch/run_request.hpp"

namespace hermitage::vmm {
struct Error;             // hermitage/vmm/error.hpp
struct GuestCrash;        // hermitage/vmm/ending.hpp
struct IsolationOptions;  // hermitage/vmm/isolation/isolation.hpp
struct Statistics;        // hermitage/vmm/statistics.hpp
}  // namespace hermitage::vmm
namespace hermitage::vmm::observe {
class Profile;   // hermitage/vmm/observe/profile.hpp
class Timeline;  // hermitage/vmm/observe/timeline.hpp
}  // namespace hermitage::vmm::observe

namespace hermitage::launch {

// The place of a kernel in the guest's memory, and its ELF file.
struct KernelPlace {
  std::uint64_t start = 0;  // guest-physical; the first byte
  std::uint64_t end = 0;    // the first byte after it
  std::span<const std::byte> elf = {};
};

// A core file that was written.
struct CoreReport {
  std::uint64_t size = 0;    // bytes of the guest's memory, without pages of zeros
  bool is_complete = false;  // the limit has not excluded any memory
};

// One run of one guest. In a build without the monitor, prepare() fails.
class MonitorRun {
 public:
  // Opens all files that the guest needs, and creates its machine. `request` must exist until this function returns.
  // After a failure with `is_the_engines`, another engine can use the request.
  [[nodiscard]] static auto prepare(const RunRequest& request) -> OrFailure<MonitorRun>;

  MonitorRun(MonitorRun&&) noexcept;
  auto operator=(MonitorRun&&) -> MonitorRun& = delete;
  ~MonitorRun();

  [[nodiscard]] auto spec() const noexcept HERMITAGE_LIFETIMEBOUND -> const LaunchSpec&;

  // Runs the guest to its end; see vmm::Machine::run(). Call this once. If the spec requires isolation, the calling
  // thread is isolated permanently: it cannot open files afterwards.
  //
  // The image may be mapped. If its file is truncated, an access raises SIGBUS. The handler of a program that continues
  // must call stop(), and the program reports the ending as FileTruncated.
  [[nodiscard]] auto run() -> OrFailure<RunReport>;

  // Ends the run with Stopped{signal}, which must not be 0; see vmm::Machine::stop(). Any thread and any signal handler
  // may call it, until free_machine() is called.
  void stop(int signal) noexcept;

  // Saves the guest now, to the file of RunRequest::snapshot; without that, it has no effect. Any thread and any signal
  // handler may call it, until free_machine() is called.
  void request_snapshot() noexcept;

  // Frees the guest's memory, and removes the files that the guest created.
  void free_machine() noexcept;

  // After run():

  // How the guest crashed, if it did.
  [[nodiscard]] auto crash() const noexcept HERMITAGE_LIFETIMEBOUND -> const vmm::GuestCrash*;
  [[nodiscard]] auto statistics() const noexcept HERMITAGE_LIFETIMEBOUND -> const vmm::Statistics*;
  // After a crash: the last hypercalls of each vCPU as lines, the oldest first. Otherwise empty.
  [[nodiscard]] auto hypercalls() const noexcept HERMITAGE_LIFETIMEBOUND -> std::span<const std::vector<std::string>>;

  // The core file that was written, or the error. Null if no core file was due.
  [[nodiscard]] auto core() const noexcept HERMITAGE_LIFETIMEBOUND -> const std::expected<CoreReport, vmm::Error>*;

  // The recordings that the spec requests; null if it does not.
  [[nodiscard]] auto timeline() const noexcept HERMITAGE_LIFETIMEBOUND -> const vmm::observe::Timeline*;
  [[nodiscard]] auto profile() const noexcept HERMITAGE_LIFETIMEBOUND -> const vmm::observe::Profile*;

  // Reads the kernel again, for its symbols. The ELF file is empty if that fails, and may differ from the kernel that
  // ran if another process has written to the image's file. The bytes are valid as long as this object.
  [[nodiscard]] auto read_kernel() HERMITAGE_LIFETIMEBOUND -> KernelPlace;

 private:
  class State;

  explicit MonitorRun(std::unique_ptr<State> state) noexcept;
  // `timeline` can be null.
  [[nodiscard]] static auto prepare_restored(const RunRequest& request, const vmm::IsolationOptions& isolation,
                                             std::shared_ptr<vmm::observe::Timeline> timeline) -> OrFailure<MonitorRun>;

  std::unique_ptr<State> state_;
};

}  // namespace hermitage::launch
