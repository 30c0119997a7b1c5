// Runs a guest in QEMU, with a boot loader of this project if the kernel needs one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "hermitage/launch/failure.hpp"
#include "hermitage/launch/launch_spec.hpp"
#include "hermitage/launch/run_report.hpp"
#include "hermitage/launch/run_request.hpp"

namespace hermitage::launch {

struct QemuOptions {
  std::string reason = {};                 // why QEMU is used; empty if the user selected it
  bool monitor_has_tried = false;          // and has printed the warnings about the image
  bool is_dry = false;                     // do not run the guest: only shell_text() is called
  const char* refused = nullptr;           // a given option of the front end that QEMU does not support
  std::vector<int> kept_descriptors = {};  // passed on to QEMU, in ascending order
};

// One run of one guest.
class QemuRun {
 public:
  // Reads the image, and makes the command line. Moves the source out of the request.
  [[nodiscard]] static auto prepare(RunRequest& request, QemuOptions options) -> OrFailure<QemuRun>;

  QemuRun(QemuRun&&) noexcept;
  auto operator=(QemuRun&&) -> QemuRun& = delete;
  ~QemuRun();

  [[nodiscard]] auto spec() const noexcept HERMITAGE_LIFETIMEBOUND -> const LaunchSpec&;

  // The command line for a shell, without the argument that separates the output of guest and loader.
  [[nodiscard]] auto shell_text() const -> std::string;

  // Finds QEMU, reports why it is used, and opens the guest's output. Waits for the reader of a named pipe.
  [[nodiscard]] auto open() -> OrFailure<void>;

  // Runs the guest to its end, once, after open(). QEMU gets standard input, unless the image came from there, and ends
  // when this process gets SIGINT, SIGTERM or SIGHUP, whose handlers are replaced. The process must have no other
  // thread and no other child, and ignore SIGPIPE.
  [[nodiscard]] auto run() -> OrFailure<RunReport>;

 private:
  class State;

  explicit QemuRun(std::unique_ptr<State> state) noexcept;

  std::unique_ptr<State> state_;
};

}  // namespace hermitage::launch
