// Runs a kernel or an image on the engine that can, as `hermitage run` does.
#include <csignal>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include "hermitage/launch/kernel_source.hpp"
#include "hermitage/launch/launch_options.hpp"
#include "hermitage/launch/run.hpp"
#include "hermitage/launch/run_report.hpp"

namespace launch = hermitage::launch;

int complain(const std::string& message) {
  return std::fprintf(stderr, "%s\n", message.c_str()), launch::kNotStartedStatus;
}

int main(int, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  auto source = launch::KernelSource::open(argv[1], launch::KernelSource::Streams::refuse);
  if (!source) return complain(source.error().message());
  const auto environment = launch::options_of_environment({});
  if (!environment) return complain(environment.error().message());
  launch::RunRequest request{.image = argv[1],
                             .sources = {.command_line = {.timeout_seconds = 60}, .environment = *environment},
                             .source = *std::move(source)};
  request.callbacks.warn = [](std::string_view line) { complain(std::string{line}); };
  request.callbacks.tell = [](std::string_view, std::string_view message) { complain(std::string{message}); };
  const auto report = launch::run(request);
  if (!report) return complain(report.error().message());
  return launch::exit_status(report->ending);
}
