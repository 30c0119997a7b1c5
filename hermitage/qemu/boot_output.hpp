// Separates the output of firmware and boot loader from that of the guest, since all use the same serial port.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace hermitage::qemu {

// The beginning of the line that a boot loader prints immediately before it enters the kernel. The file of a loader
// that supports the handover contains it.
inline constexpr std::string_view kHandoverMark = "[LOADER][HANDOVER] ";

// The output of the guest begins after a line that ends with the mark and a secret that only the loader knows. Of the
// preceding lines, those that begin with "[LOADER][LEVEL] " are from the loader, and others are from the firmware.
class BootOutput {
 public:
  struct Options {
    std::string handover;  // the secret
    bool has_log = false;  // lines of loader and firmware are also output
    // Called with warnings of the loader, without the level; after kMaxWarnings, once with the number of the others.
    std::function<void(std::string_view)> on_warning = {};
  };
  explicit BootOutput(Options options);

  // Processes data from the serial port, and returns the part that is output.
  [[nodiscard]] auto take(std::string_view bytes) -> std::string;

  // Called at the end of the data.
  [[nodiscard]] auto finish() -> std::string;

  [[nodiscard]] auto has_handed_over() const -> bool { return has_handed_over_; }

  // The error of the loader; empty if it has printed none.
  [[nodiscard]] auto failure() const -> const std::string& { return failure_; }

 private:
  // The part of the line that is output.
  [[nodiscard]] auto end_line() -> std::string;
  void warn(std::string_view warning);
  void count_warnings_left_out();

  Options options_;
  bool has_handed_over_ = false;
  std::string line_;  // incomplete
  std::string failure_;
  std::size_t warnings_ = 0;
};

}  // namespace hermitage::qemu
