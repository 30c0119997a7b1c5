// A bar on standard error for what takes a while.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace hermitage::cli {

// Draws nothing within the first second, then ten times a second, and wipes the bar away at the end. For
// image::Progress, by std::ref.
class ProgressBar {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;
  using Output = std::function<void(std::string_view)>;

  // On standard error if it is a terminal that can move its cursor; nowhere otherwise.
  explicit ProgressBar(std::string_view what);
  // For tests. Without an output it draws nothing.
  ProgressBar(std::string_view what, Clock clock, Output output);
  ProgressBar(const ProgressBar&) = delete;
  auto operator=(const ProgressBar&) -> ProgressBar& = delete;
  ~ProgressBar();

  // `total` may be 0: not known.
  void operator()(std::uint64_t done, std::uint64_t total);

 private:
  std::string what_;
  Clock clock_;
  Output output_;
  std::chrono::steady_clock::time_point next_;
  bool is_drawn_ = false;
};

}  // namespace hermitage::cli
