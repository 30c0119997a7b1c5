// What can be known of a guest in QEMU by its output.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

namespace hermitage::launch {

// Says, once each, what it may mean that there is no output, and what it means that the input has ended; and knows when
// the guest can take input.
class GuestWatch {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // `tell` gets a predicate about the guest, or a sentence.
  explicit GuestWatch(std::function<void(std::string_view)> tell);

  // The kernel is entered, as far as that is known. Only the first time counts, here and below.
  void on_start(Time now);
  void on_output() { has_output_ = true; }
  // All input was passed on, of which there were so many bytes.
  void on_input_end(Time now, std::uint64_t size);

  // A kernel throws away what came before it set up the port, which it has when it prints, and long before the time is
  // over, if it prints nothing.
  [[nodiscard]] auto takes_input(Time now) const -> bool;

  // Says what there is to say, and returns when to ask again.
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
