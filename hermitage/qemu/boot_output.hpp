// What the serial port gets before the guest writes there: firmware and boot loader use the same one.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace hermitage::qemu {

// Tells the boot loader's lines, which begin with "[LOADER][LEVEL] ", and what firmware printed before them, from what
// the guest prints, which begins with the first line that is neither.
class BootOutput {
 public:
  // With `has_firmware`, all that comes before the loader's first line is the firmware's: then the loader is to say
  // something. `on_warning` gets the loader's warnings, without the level.
  BootOutput(bool has_firmware, std::function<void(std::string_view)> on_warning);

  // Takes what has come, and returns what of it, and of what was not decided before, is the guest's.
  [[nodiscard]] auto take(std::string_view bytes) -> std::string;

  // Once nothing comes any more.
  [[nodiscard]] auto finish() -> std::string;

  // Whether the loader, or the guest, has begun.
  [[nodiscard]] auto has_begun() const -> bool { return part_ != Part::firmware; }

  // Why the loader did not start the guest; empty where it has not said so.
  [[nodiscard]] auto failure() const -> const std::string& { return failure_; }

 private:
  enum class Part : std::uint8_t { firmware, loader, guest };

  void add(char byte);
  void end_line();

  std::function<void(std::string_view)> on_warning_;
  Part part_;
  std::string line_;  // not yet whole
  std::string failure_;
};

}  // namespace hermitage::qemu
