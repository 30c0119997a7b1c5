#include "hermitage/qemu/boot_output.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace hermitage::qemu {
namespace {

constexpr std::string_view kError = "[LOADER][ERROR] ";
constexpr std::string_view kWarning = "[LOADER][WARN] ";

// Lines of the loader are shorter. Firmware may print longer ones, of which only the end is kept.
constexpr std::size_t kLongestLine = std::size_t{17} << 10;
constexpr std::size_t kMaxWarnings = 16;

}  // namespace

BootOutput::BootOutput(Options options) : options_{std::move(options)} {
  options_.handover.insert(0, kHandoverMark);
}

auto BootOutput::take(std::string_view bytes) -> std::string {
  std::string output;
  while (!bytes.empty() && !has_handed_over_) {
    const auto end = std::min(bytes.find('\n'), bytes.size());
    line_ += bytes.substr(0, end);
    if (end < bytes.size()) output += end_line();
    if (line_.size() > kLongestLine) {
      const auto excess = line_.size() - kLongestLine;
      if (options_.has_log) output += line_.substr(0, excess);
      line_.erase(0, excess);
    }
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
  return output += bytes;
}

auto BootOutput::finish() -> std::string {
  if (!has_handed_over_) count_warnings_left_out();
  auto rest = std::exchange(line_, {});
  return options_.has_log ? rest : std::string{};
}

auto BootOutput::end_line() -> std::string {
  auto whole = std::exchange(line_, {});
  std::string_view line{whole};
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.ends_with(options_.handover)) {
    has_handed_over_ = true;
    count_warnings_left_out();
    return {};
  }
  if (line.starts_with(kError)) failure_ = line.substr(kError.size());
  // If the log is output, warnings need not be reported again.
  if (options_.has_log) return whole + '\n';
  if (line.starts_with(kWarning)) warn(line.substr(kWarning.size()));
  return {};
}

void BootOutput::warn(std::string_view warning) {
  if (++warnings_ <= kMaxWarnings && options_.on_warning) options_.on_warning(warning);
}

void BootOutput::count_warnings_left_out() {
  if (warnings_ > kMaxWarnings && options_.on_warning) {
    options_.on_warning(fmt::format("{} more warnings of the boot loader are not shown", warnings_ - kMaxWarnings));
  }
}

}  // namespace hermitage::qemu
