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
struct GuestCrash;        // hermitage/vmm/ending.hpp
struct IsolationOptions;  // hermitage/vmm/isolation/isolation.hpp
struct Statistics;        // hermitage/vmm/statistics.hpp
}  // namespace hermitage::vmm
namespace hermitage::vmm::observe {
class Profile;   // hermitage/vmm/observe/profile.hpp
class Timeline;  // hermitage/vmm/observe/timeline.hpp
}  // namespace hermitage::vmm::observe

namespace hermitage::launch {

// Where a kernel was in the guest's memory, and its ELF file.
struct KernelPlace {
  std::uint64_t start = 0;  // guest-physical; the first byte
  std::uint64_t end = 0;    // the first behind it
  std::span<const std::byte> elf = {};
};

// A core file that was written.
struct CoreReport {
  std::uint64_t size = 0;    // bytes of the guest's memory, without pages of zeros
  bool is_complete = false;  // without the limit, it would not have more
};

// One run of one guest. In a build without the monitor, prepare() fails.
class MonitorRun {
 public:
  // Opens all that the guest needs, and makes its machine. `request` is needed no longer than that. A failure that is
  // the engine's leaves the request to another engine.
  [[nodiscard]] static auto prepare(const RunRequest& request) -> OrFailure<MonitorRun>;

  MonitorRun(MonitorRun&&) noexcept;
  auto operator=(MonitorRun&&) -> MonitorRun& = delete;
  ~MonitorRun();

  [[nodiscard]] auto spec() const noexcept -> const LaunchSpec&;

  // Runs the guest to its end, once; see vmm::Machine::run(). Where the spec asks for isolation, it surrounds the
  // calling thread, too, for good: afterwards nothing can be opened.
  //
  // The image may be mapped. Where its file gets shorter, an access is SIGBUS. A program that survives it calls stop(),
  // and makes FileTruncated of the ending.
  [[nodiscard]] auto run() -> OrFailure<RunReport>;

  // Ends the run with Stopped{signal}, which must not be 0; see vmm::Machine::stop(). Any thread may call it, and a
  // signal handler, until free_machine() is called.
  void stop(int signal) noexcept;

  // Saves the guest now, as RunRequest::snapshot says, if it does. Any thread may call it, and a signal handler, until
  // free_machine() is called.
  void request_snapshot() noexcept;

  // Frees the guest's memory, and removes the files that it made.
  void free_machine() noexcept;

  // After run():

  // How the guest crashed, if it did.
  [[nodiscard]] auto crash() const noexcept -> const vmm::GuestCrash*;
  [[nodiscard]] auto statistics() const noexcept -> const vmm::Statistics*;
  // After a crash: the last hypercalls of each vCPU as lines, the oldest first. Otherwise empty.
  [[nodiscard]] auto hypercalls() const noexcept -> std::span<const std::vector<std::string>>;

  // The core file that was written, or the error. Null if the run was not to write a core file.
  [[nodiscard]] auto core() const noexcept -> const std::expected<CoreReport, std::string>*;

  // What the spec asks for; otherwise null.
  [[nodiscard]] auto timeline() const noexcept -> const vmm::observe::Timeline*;
  [[nodiscard]] auto profile() const noexcept -> const vmm::observe::Profile*;

  // Reads the kernel again, for its symbols. The ELF file is empty where that is not possible, and may be another where
  // somebody has written to the image's file. It is there as long as the run.
  [[nodiscard]] auto read_kernel() -> KernelPlace;

 private:
  class State;

  explicit MonitorRun(std::unique_ptr<State> state) noexcept;
  // `timeline` can be null.
  [[nodiscard]] static auto prepare_restored(const RunRequest& request, const vmm::IsolationOptions& isolation,
                                             std::shared_ptr<vmm::observe::Timeline> timeline) -> OrFailure<MonitorRun>;

  std::unique_ptr<State> state_;
};

}  // namespace hermitage::launch
