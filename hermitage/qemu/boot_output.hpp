// What the serial port gets before the guest writes there: firmware and boot loader use the same one.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace hermitage::qemu {

// What a boot loader's file contains if the loader tells of the handover: the beginning of the line that it prints just
// before it enters the kernel.
inline constexpr std::string_view kHandoverMark = "[LOADER][HANDOVER] ";

// Tells what the guest prints from what is printed before: the guest's output begins behind a line that ends with the
// mark and a word that only the loader knows. Of the lines before, those that begin with "[LOADER][LEVEL] " are the
// loader's, and others the firmware's.
class BootOutput {
 public:
  struct Options {
    std::string handover;  // the word
    bool has_log = false;  // lines of loader and firmware are output, too
    // Gets the loader's warnings, without the level; where there are too many, a line that counts the others.
    std::function<void(std::string_view)> on_warning = {};
  };
  explicit BootOutput(Options options);

  // Takes what has come, and returns what of it is output.
  [[nodiscard]] auto take(std::string_view bytes) -> std::string;

  // Once nothing comes any more.
  [[nodiscard]] auto finish() -> std::string;

  [[nodiscard]] auto has_handed_over() const -> bool { return has_handed_over_; }

  // Why the loader did not start the guest; empty where it has not said so.
  [[nodiscard]] auto failure() const -> const std::string& { return failure_; }

 private:
  // What of the line is output.
  [[nodiscard]] auto end_line() -> std::string;
  void warn(std::string_view warning);
  void count_warnings_left_out();

  Options options_;
  bool has_handed_over_ = false;
  std::string line_;  // not yet whole
  std::string failure_;
  std::size_t warnings_ = 0;
};

}  // namespace hermitage::qemu
