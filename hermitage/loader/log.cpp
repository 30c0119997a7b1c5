#include "hermitage/loader/log.hpp"

#include <array>

#include "hermitage/loader/machine.hpp"

namespace hermitage::loader {
namespace {

constexpr std::array<std::string_view, 6> kNames{"off", "error", "warn", "info", "debug", "trace"};
// Programs search for the first prefix in a loader's file, to check whether the loader reports the handover.
constexpr std::array<std::string_view, 6> kPrefixes{"[LOADER][HANDOVER] ", "[LOADER][ERROR] ", "[LOADER][WARN] ",
                                                    "[LOADER][INFO] ",     "[LOADER][DEBUG] ", "[LOADER][TRACE] "};

// 0 means `info`: variables with the value 0 take no space in the file.
constinit int more_than_info = 0;

}  // namespace

auto name(LogLevel level) noexcept -> std::string_view {
  return kNames[static_cast<std::size_t>(level)];
}

auto log_level(std::string_view name) noexcept -> std::optional<LogLevel> {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<LogLevel>(i);
  }
  return std::nullopt;
}

void set_log_level(LogLevel level) noexcept {
  more_than_info = static_cast<int>(level) - static_cast<int>(LogLevel::info);
}

auto is_logged(LogLevel level) noexcept -> bool {
  return static_cast<int>(level) - static_cast<int>(LogLevel::info) <= more_than_info;
}

LogLine::~LogLine() {
  if (!wanted_) return;
  machine::write_console(kPrefixes[static_cast<std::size_t>(level_)]);
  machine::write_console(text_.view());
  machine::write_console("\n");
}

auto LogLine::text(std::string_view text) noexcept -> LogLine& {
  if (!wanted_) return *this;
  for (const char character : text) text_.append(character >= ' ' && character <= '~' ? character : '?');
  return *this;
}

auto LogLine::decimal(std::uint64_t value) noexcept -> LogLine& {
  if (wanted_) text_.append_decimal(value);
  return *this;
}

auto LogLine::hex(std::uint64_t value) noexcept -> LogLine& {
  if (wanted_) text_.append_hex(value);
  return *this;
}

auto LogLine::range(GuestRange range) noexcept -> LogLine& {
  return text("[").address(range.start).text(" - ").address(range.end).text(")");
}

}  // namespace hermitage::loader
