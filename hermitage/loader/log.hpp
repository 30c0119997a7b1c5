// The loader's messages, line by line, on the machine's console.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "hermitage/entry/text.hpp"
#include "hermitage/loader/physical_memory.hpp"

namespace hermitage::loader {

// A line of level `off` is always printed: that of the handover, "[LOADER][HANDOVER] WORD".
enum class LogLevel : std::uint8_t { off, error, warn, info, debug, trace };

// "off", "error", "warn", "info", "debug" or "trace".
[[nodiscard]] auto name(LogLevel level) noexcept -> std::string_view;
[[nodiscard]] auto log_level(std::string_view name) noexcept -> std::optional<LogLevel>;

// The least important level that is printed; info by default.
void set_log_level(LogLevel level) noexcept;
[[nodiscard]] auto is_logged(LogLevel level) noexcept -> bool;

// A line "[LOADER][INFO] text". The destructor prints it to the console. A line of a disabled level costs one
// comparison for each part. Bytes below 0x20 and above 0x7e, which could control a terminal, become `?`.
class LogLine {
 public:
  explicit LogLine(LogLevel level) noexcept : level_{level}, wanted_{is_logged(level)} {}
  LogLine(const LogLine&) = delete;
  auto operator=(const LogLine&) -> LogLine& = delete;
  ~LogLine();

  auto text(std::string_view text) noexcept -> LogLine&;
  auto decimal(std::uint64_t value) noexcept -> LogLine&;
  auto hex(std::uint64_t value) noexcept -> LogLine&;
  auto address(GuestAddress address) noexcept -> LogLine& { return hex(address.value); }
  // "[0x100000 - 0x200000)"
  auto range(GuestRange range) noexcept -> LogLine&;

 private:
  LogLevel level_;
  bool wanted_;
  entry::FixedText<400> text_;
};

}  // namespace hermitage::loader
