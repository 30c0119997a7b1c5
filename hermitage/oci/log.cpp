#include "hermitage/oci/log.hpp"

#include <array>
#include <span>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "hermitage/base/descriptor.hpp"
#include "hermitage/base/file_io.hpp"
#include "hermitage/oci/image/json.hpp"

namespace hermitage::oci {
namespace {

void write_to(int descriptor, std::string_view text) {
  [[maybe_unused]] const auto written = base::write_all(descriptor, std::as_bytes(std::span{text}));
}

}  // namespace

auto log_line(std::string_view format, std::string_view message, std::time_t time) -> std::string {
  tm parts{};
  ::gmtime_r(&time, &parts);
  std::array<char, 32> text{};
  const auto size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  const std::string_view stamp{text.data(), size};
  if (format == "json") return to_text({{"level", "error"}, {"msg", message}, {"time", stamp}}) + "\n";
  return fmt::format("time={} level=error msg={}\n", to_text(stamp), to_text(message));
}

void report_error(const CommandLine& line, std::string_view message) {
  write_to(STDERR_FILENO, fmt::format("hermitage-oci: {}\n", message));
  const auto path = line.global_option("log").value_or("");
  if (path.empty()) return;
  const base::Descriptor file{::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644)};
  if (!file.is_open()) return;
  write_to(file.get(), log_line(line.global_option("log-format").value_or("text"), message, std::time(nullptr)));
}

}  // namespace hermitage::oci
