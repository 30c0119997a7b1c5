#include "hermitage/launch/run_request.hpp"

#include <algorithm>

namespace hermitage::launch {

auto RunRequest::spec(const image::Config& config) const -> OrFailure<LaunchSpec> {
  auto with_image = sources;
  with_image.image = config;
  auto spec = make_launch_spec(image, with_image);
  if (!spec) return spec;
  for (const auto& warning : spec->warnings) warn(warning);
  return spec;
}

auto time_after(RunRequest::Clock::time_point start, std::chrono::nanoseconds timeout)
    -> RunRequest::Clock::time_point {
  using Clock = RunRequest::Clock;
  return start + std::min<Clock::duration>(timeout, Clock::time_point::max() - start);
}

auto time_until(std::optional<RunRequest::Clock::time_point> deadline) -> std::optional<std::chrono::nanoseconds> {
  using Clock = RunRequest::Clock;
  if (!deadline) return std::nullopt;
  return std::max<Clock::duration>(*deadline - Clock::now(), Clock::duration::zero());
}

}  // namespace hermitage::launch
