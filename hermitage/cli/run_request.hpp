// What `hermitage run` hands to an engine.
#pragma once

#include <string_view>

#include "hermitage/cli/command.hpp"
#include "hermitage/cli/run_options.hpp"
#include "hermitage/image/config.hpp"
#include "hermitage/launch/failure.hpp"
#include "hermitage/launch/kernel_source.hpp"
#include "hermitage/launch/launch_spec.hpp"

namespace hermitage::cli {

using launch::Failure;
using launch::not_started;
using launch::OrFailure;
using launch::wrong_usage;

struct RunRequest {
  RunOptions options;
  launch::LaunchSources sources;  // without the image's configuration
  launch::KernelSource source;

  // With what an image says. Says on standard error what is odd about it.
  [[nodiscard]] auto spec(const image::Config& config) const -> OrFailure<launch::LaunchSpec>;
};

// Fails with wrong usage where the guest's output or its statistics would replace the image, which is at this path, or
// one another.
[[nodiscard]] auto check_outputs(const launch::Output& output, const std::string& stats_file, const std::string& image)
    -> OrFailure<void>;

void warn(std::string_view line);

[[nodiscard]] auto exit_code_of(const Failure& failure) -> ExitCode;

}  // namespace hermitage::cli
