// A progress bar on standard error.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace hermitage::cli {

// Draws nothing in the first second, then ten times a second, and erases the bar at the end. Pass it as image::Progress
// with std::ref.
class ProgressBar {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;
  using Output = std::function<void(std::string_view)>;

  // Draws on standard error if that is a terminal that can move its cursor, otherwise nothing.
  explicit ProgressBar(std::string_view what);
  // For tests. Without an output it draws nothing.
  ProgressBar(std::string_view what, Clock clock, Output output);
  ProgressBar(const ProgressBar&) = delete;
  auto operator=(const ProgressBar&) -> ProgressBar& = delete;
  ~ProgressBar();

  // `total` is 0 if unknown.
  void operator()(std::uint64_t done, std::uint64_t total);

 private:
  std::string what_;
  Clock clock_;
  Output output_;
  std::chrono::steady_clock::time_point next_;
  bool is_drawn_ = false;
};

}  // namespace hermitage::cli
