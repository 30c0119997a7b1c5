// Observes a guest in QEMU by its output.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

namespace hermitage::launch {

// Prints a hint once if there is no output, and once after the input has ended. Also decides when the guest can receive
// input.
class GuestWatch {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // `tell` is called with a hint, without a full stop.
  explicit GuestWatch(std::function<void(std::string_view)> tell);

  // The kernel was entered, as far as that is known. Here and below, only the first call has an effect.
  void on_start(Time now);
  void on_output() { has_output_ = true; }
  // All input, of this many bytes, was forwarded.
  void on_input_end(Time now, std::uint64_t size);

  // A kernel loses input that arrives before it has initialized the port. It has done so when it prints, or long before
  // the delay is over if it prints nothing.
  [[nodiscard]] auto takes_input(Time now) const -> bool;

  // Prints due hints, and returns the time of the next call.
  auto wake(Time now) -> std::optional<Time>;

  static constexpr std::chrono::seconds kInputDelay{1};
  static constexpr std::chrono::seconds kSilence{5};
  static constexpr std::chrono::seconds kInputEndDelay{2};

 private:
  void tell_of_silence() const;
  void tell_of_end() const;

  std::function<void(std::string_view)> tell_;
  std::optional<Time> start_;
  std::optional<Time> input_ended_at_;
  bool has_output_ = false;
  bool has_told_of_silence_ = false;
  bool has_told_of_end_ = false;
};

}  // namespace hermitage::launch
