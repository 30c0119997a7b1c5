#include "hermitage/qemu/boot_output.hpp"

#include <cstddef>
#include <utility>

namespace hermitage::qemu {
namespace {

constexpr std::string_view kMark = "[LOADER][";
constexpr std::string_view kError = "[LOADER][ERROR] ";
constexpr std::string_view kWarning = "[LOADER][WARN] ";

// No line of a loader's is longer: the longest has a whole command line in it.
constexpr std::size_t kLongestLine = std::size_t{17} << 10;

// Whether a line that begins so may be, or is, a loader's.
auto may_be_a_loaders(std::string_view beginning) -> bool {
  return beginning.starts_with(kMark) || kMark.starts_with(beginning);
}

}  // namespace

BootOutput::BootOutput(bool has_firmware, std::function<void(std::string_view)> on_warning)
    : on_warning_{std::move(on_warning)}, part_{has_firmware ? Part::firmware : Part::loader} {}

auto BootOutput::take(std::string_view bytes) -> std::string {
  while (!bytes.empty() && part_ != Part::guest) {
    add(bytes.front());
    bytes.remove_prefix(1);
  }
  if (part_ != Part::guest) return {};
  auto text = std::exchange(line_, {});
  text += bytes;
  return text;
}

auto BootOutput::finish() -> std::string {
  auto rest = std::exchange(line_, {});
  if (part_ == Part::firmware || rest.starts_with(kMark)) return {};
  return rest;
}

void BootOutput::add(char byte) {
  if (byte == '\n') return end_line();
  line_ += byte;
  const bool is_too_long = line_.size() > kLongestLine;
  if (part_ == Part::firmware) {
    if (is_too_long) line_.clear();
  } else if (is_too_long || !may_be_a_loaders(line_)) {
    part_ = Part::guest;
  }
}

void BootOutput::end_line() {
  if (!line_.starts_with(kMark)) {
    if (part_ == Part::firmware) return line_.clear();
    line_ += '\n';
    part_ = Part::guest;
    return;
  }
  part_ = Part::loader;
  auto line = std::exchange(line_, {});
  if (line.ends_with('\r')) line.pop_back();
  if (line.starts_with(kError)) {
    failure_ = line.substr(kError.size());
  } else if (line.starts_with(kWarning) && on_warning_) {
    on_warning_(std::string_view{line}.substr(kWarning.size()));
  }
}

}  // namespace hermitage::qemu
