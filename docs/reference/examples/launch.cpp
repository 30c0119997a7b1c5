// Examples of the headers of hermitage/launch. The reference shows each part at its header.
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "hermitage/launch/config_file.hpp"
#include "hermitage/launch/engine.hpp"
#include "hermitage/launch/failure.hpp"
#include "hermitage/launch/file_error.hpp"
#include "hermitage/launch/in_qemu.hpp"
#include "hermitage/launch/kernel_source.hpp"
#include "hermitage/launch/launch_options.hpp"
#include "hermitage/launch/launch_spec.hpp"
#include "hermitage/launch/monitor.hpp"
#include "hermitage/launch/monitor_host.hpp"
#include "hermitage/launch/run.hpp"
#include "hermitage/launch/run_report.hpp"
#include "hermitage/launch/run_request.hpp"

namespace examples {
using namespace hermitage::launch;

//! [hermitage/launch/config_file.hpp]
auto options_of(const std::string& path) -> LaunchOptions {
  std::vector<std::string> warnings;
  return read_config_file(path, warnings).value_or(LaunchOptions{});
}
//! [hermitage/launch/config_file.hpp]

//! [hermitage/launch/engine.hpp]
auto engine_name(Engine wanted) -> std::string {
  const auto choice = choose_engine(wanted, engine_facts(wanted, nullptr));
  if (!choice) return choice.error().message();
  return choice->engine == Engine::kvm ? "the monitor" : "QEMU";
}
//! [hermitage/launch/engine.hpp]

//! [hermitage/launch/failure.hpp]
auto exit_status_of(const Failure& failure) -> int {
  std::fprintf(stderr, "%s\n", failure.message().c_str());
  return failure.code == Failure::Code::usage ? 2 : kNotStartedStatus;
}
//! [hermitage/launch/failure.hpp]

//! [hermitage/launch/file_error.hpp]
auto size_of_file(const std::string& path) -> OrFileError<std::size_t> {
  const auto bytes = read_file(path);
  if (!bytes) return std::unexpected{bytes.error()};  // "open: No such file or directory"
  return bytes->size();
}
//! [hermitage/launch/file_error.hpp]

//! [hermitage/launch/in_qemu.hpp]
auto qemu_command(RunRequest& request) -> std::string {
  const auto run = QemuRun::prepare(request, {.is_dry = true});
  return run ? run->shell_text() : run.error().message();
}
//! [hermitage/launch/in_qemu.hpp]

//! [hermitage/launch/kernel_source.hpp]
auto is_image(const std::string& path) -> bool {
  const auto source = KernelSource::open(path, KernelSource::Streams::refuse);
  return source && source->kind() == KernelSource::Kind::image;
}
//! [hermitage/launch/kernel_source.hpp]

//! [hermitage/launch/launch_options.hpp]
auto options_for(std::string_view memory) -> LaunchOptions {
  return {.memory_size = std::string{memory}, .words = {"--verbose"}, .timeout_seconds = 10};
}
//! [hermitage/launch/launch_options.hpp]

//! [hermitage/launch/launch_spec.hpp]
auto memory_of(const std::string& image, const LaunchOptions& options) -> std::uint64_t {
  const auto spec = make_launch_spec(image, {.command_line = options});
  return spec ? spec->memory_size : 0;
}
//! [hermitage/launch/launch_spec.hpp]

//! [hermitage/launch/monitor.hpp]
auto run_in_monitor(const RunRequest& request) -> OrFailure<RunReport> {
  auto run = MonitorRun::prepare(request);
  if (!run) return std::unexpected{std::move(run.error())};
  return run->run();
}
//! [hermitage/launch/monitor.hpp]

//! [hermitage/launch/monitor_host.hpp]
void print_findings() {
  for (const auto& check : check_monitor()) std::printf("%s: %s\n", check.subject.c_str(), check.finding.c_str());
}
//! [hermitage/launch/monitor_host.hpp]

//! [hermitage/launch/run.hpp]
auto run_image(const std::string& image) -> int {
  auto source = KernelSource::open(image, KernelSource::Streams::refuse);
  if (!source) return kNotStartedStatus;
  RunRequest request{.image = image, .sources = {}, .source = *std::move(source)};
  const auto report = run(request);
  return report ? exit_status(report->ending) : exit_status_of(report.error());
}
//! [hermitage/launch/run.hpp]

//! [hermitage/launch/run_report.hpp]
auto has_crashed(const RunReport& report) -> bool {
  return std::holds_alternative<GuestCrashed>(report.ending);
}
//! [hermitage/launch/run_report.hpp]

//! [hermitage/launch/run_request.hpp]
void warn_on_standard_error(RunRequest& request) {
  request.callbacks.warn = [](std::string_view line) {
    std::fprintf(stderr, "warning: %.*s\n", static_cast<int>(line.size()), line.data());
  };
}
//! [hermitage/launch/run_request.hpp]

}  // namespace examples
