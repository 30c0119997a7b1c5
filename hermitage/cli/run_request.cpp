#include "hermitage/cli/run_request.hpp"

#include <filesystem>
#include <system_error>

#include "hermitage/cli/output.hpp"

namespace hermitage::cli {

auto RunRequest::spec(const image::Config& config) const -> OrFailure<launch::LaunchSpec> {
  auto with_image = sources;
  with_image.image = config;
  auto spec = launch::make_launch_spec(options.image, with_image);
  if (!spec) return spec;
  for (const auto& warning : spec->warnings) warn(warning);
  return spec;
}

auto check_outputs(const launch::Output& output, const std::string& stats_file, const std::string& image)
    -> OrFailure<void> {
  const auto same = [](const std::string& a, const std::string& b) {
    std::error_code error;
    return std::filesystem::is_regular_file(a, error) && std::filesystem::equivalent(a, b, error);
  };
  const bool has_output = output.kind == launch::Output::Kind::file;
  if (has_output && same(image, output.path)) return wrong_usage("--output is the image itself");
  if (same(image, stats_file)) return wrong_usage("--stats-file is the image itself");
  if (!has_output) return {};
  const bool is_new_for_both = output.path == stats_file && !stats_file.empty();
  if (is_new_for_both || same(output.path, stats_file)) {
    return wrong_usage("--output and --stats-file are the same file");
  }
  return {};
}

void warn(std::string_view line) {
  complain("warning", line);
}

auto exit_code_of(const Failure& failure) -> ExitCode {
  return failure.kind == Failure::Kind::usage ? ExitCode::usage : ExitCode::not_started;
}

}  // namespace hermitage::cli
