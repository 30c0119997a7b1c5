#include "hermitage/cli/snapshot_report.hpp"

#include <ctime>
#include <expected>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "hermitage/base/network.hpp"
#include "hermitage/cli/options.hpp"
#include "hermitage/cli/output.hpp"
#include "hermitage/inspect/quantities.hpp"
#include "hermitage/launch/kernel_source.hpp"
#include "hermitage/vmm/snapshot/snapshot.hpp"

namespace hermitage::cli {
namespace {

using inspect::printable;
using launch::KernelSource;
using vmm::snapshot::Snapshot;

auto open(const std::string& path) -> std::expected<Snapshot, ExitCode> {
  const auto source = KernelSource::open(path, KernelSource::Streams::refuse);
  if (!source) {
    complain(path, source.error().message());
    return std::unexpected{ExitCode::usage};
  }
  auto file = source->duplicate();
  if (!file) {
    complain(path, file.error().message());
    return std::unexpected{ExitCode::usage};
  }
  auto snapshot = Snapshot::open(*std::move(file));
  if (snapshot) return *std::move(snapshot);
  complain(path, snapshot.error().text);
  return std::unexpected{snapshot.error().code == vmm::ErrorCode::image ? ExitCode::some_not : ExitCode::usage};
}

auto time_text(std::uint64_t nanoseconds) -> std::string {
  const auto seconds = static_cast<std::time_t>(nanoseconds / 1'000'000'000);
  std::tm parts{};
  if (::gmtime_r(&seconds, &parts) == nullptr) return "an unknown time";
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

auto size_text(std::uint64_t bytes) -> std::string {
  constexpr double kMebibyte = 1 << 20;
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / kMebibyte);
}

auto report(const Snapshot& snapshot) -> std::string {
  const auto& machine = snapshot.machine();
  std::string text;
  const auto add = [&text](std::string_view name, const std::string& value) {
    text += fmt::format("{:<12} {}\n", name, printable(value));
  };
  add("image", machine.image);
  add("saved", time_text(machine.saved_at));
  std::string arguments;
  for (const auto& argument : machine.arguments.application) {
    arguments += fmt::format("{}{}", arguments.empty() ? "" : " ", base::shell_quoted(argument));
  }
  if (!arguments.empty()) add("arguments", arguments);
  add("vCPUs", fmt::format("{}", machine.vcpus.size()));
  add("memory", fmt::format("{} at {:#x}, of which the file has {}",
                            size_text(machine.memory.end.value - machine.memory.start.value),
                            machine.memory.start.value, size_text(snapshot.saved_memory())));
  add("interface", fmt::format("Uhyve {}", machine.interface.value));
  add("needs",
      fmt::format("a time stamp counter of {} kHz{}", machine.counter_khz, machine.manages_power ? ", --cpu-pm" : ""));
  if (machine.network) {
    add("needs",
        fmt::format("--net or --publish, for a card with the address {}", base::to_string(machine.network->mac)));
  }
  for (const auto& mapping : machine.files.mappings) {
    add("needs", fmt::format("--file-mapping HOST:{}{}", mapping.path, mapping.is_read_only ? ":ro" : ""));
  }
  if (!machine.files.nodes.empty()) add("files", fmt::format("{} in the snapshot", machine.files.nodes.size()));
  for (const auto& file : machine.files.open) {
    add("open file", fmt::format("{} at {}, as descriptor {}", file.path, file.offset, file.descriptor));
  }
  return text;
}

}  // namespace

auto is_snapshot_file(const std::string& path) -> bool {
  // Opening a named pipe and closing it would end its writer.
  std::error_code error;
  if (path != "-" && !std::filesystem::is_regular_file(path, error)) return false;
  const auto source = KernelSource::open(path, KernelSource::Streams::refuse);
  return source && source->kind() == KernelSource::Kind::snapshot;
}

auto inspect_snapshot(const std::string& path, bool as_json) -> ExitCode {
  const auto snapshot = open(path);
  if (!snapshot) return snapshot.error();
  return print_or_complain(as_json ? snapshot->description() : report(*snapshot));
}

auto verify_snapshot(const std::string& path) -> ExitCode {
  const auto snapshot = open(path);
  if (!snapshot) return snapshot.error();
  const auto verified = snapshot->verify();
  if (verified) return print_or_complain(fmt::format("{}: good\n", printable(path)));
  complain(path, verified.error().text);
  return verified.error().code == vmm::ErrorCode::image ? ExitCode::some_not : ExitCode::usage;
}

}  // namespace hermitage::cli
