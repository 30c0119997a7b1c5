// A guest in QEMU, with a boot loader of ours where the kernel needs one.
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
  std::string reason = {};                 // why it is QEMU; empty where the user wants it
  bool monitor_has_tried = false;          // and has warned of what is odd about the image
  bool is_dry = false;                     // the guest is not run: only shell_text() is asked for
  const char* refused = nullptr;           // an option of the front end's that is given, and that cannot be had in QEMU
  std::vector<int> kept_descriptors = {};  // that QEMU gets, in ascending order
};

// One run of one guest.
class QemuRun {
 public:
  // Reads the image, and makes the command line. Moves the source out of the request.
  [[nodiscard]] static auto prepare(RunRequest& request, QemuOptions options) -> OrFailure<QemuRun>;

  QemuRun(QemuRun&&) noexcept;
  auto operator=(QemuRun&&) -> QemuRun& = delete;
  ~QemuRun();

  [[nodiscard]] auto spec() const noexcept -> const LaunchSpec&;

  // What a shell does the same by, without what tells the guest's output from its loader's.
  [[nodiscard]] auto shell_text() const -> std::string;

  // Finds QEMU, tells why it is taken, and opens the guest's output. Waits for the reader of a named pipe.
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
