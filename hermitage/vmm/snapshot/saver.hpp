// Waits for the moment at which a guest is to be saved.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/event.hpp"
#include "hermitage/vmm/snapshot/snapshot_options.hpp"

namespace hermitage::vmm::snapshot {

// Finds a string in output that arrives in pieces.
class OutputSearch {
 public:
  explicit OutputSearch(std::string text) : text_{std::move(text)} {}

  // Whether the string is in the output so far, and its end in this piece. False for an empty string.
  [[nodiscard]] auto is_found_in(std::string_view piece) -> bool;

 private:
  std::string text_;
  std::string last_;  // the end of the output, shorter than the string
};

class Saver {
 public:
  // No vCPU has used more CPU time than kIdleWork in the last kIdleTime.
  static constexpr std::chrono::milliseconds kIdleTime{50};
  static constexpr std::chrono::milliseconds kIdleWork{1};

  struct Guest {
    std::function<std::chrono::nanoseconds()> cpu_time;  // of all vCPUs, since their start
    std::function<bool()> is_stopping;                   // whether the run ends
    std::function<std::optional<Result<void>>()> save;   // nothing if the run has ended before
  };

  [[nodiscard]] static auto make(const SnapshotOptions& options) -> Result<std::unique_ptr<Saver>>;

  // One thread at a time calls it, with all output of the guest in order.
  void on_output(std::string_view output);
  // Save the guest now. Any thread and any signal handler can call it.
  void request() noexcept;
  // Makes run() check whether the run ends. Any thread and any signal handler can call it.
  void call_back() const noexcept { event_.signal(); }

  // Waits, and saves the guest once. Returns earlier if the run ends.
  void run(const Guest& guest);

  // The result of saving; none if the guest was not saved. Precondition: run() has returned.
  [[nodiscard]] auto outcome() const -> const std::optional<Result<void>>& { return outcome_; }

 private:
  using Clock = std::chrono::steady_clock;

  Saver(const SnapshotOptions& options, Event event);

  [[nodiscard]] auto is_due(Clock::time_point now) const -> bool;
  [[nodiscard]] auto is_idle(Clock::time_point now, const Guest& guest) -> bool;
  [[nodiscard]] auto wait_limit(Clock::time_point now) const -> int;

  OutputSearch search_;
  bool when_idle_;
  std::optional<std::chrono::nanoseconds> after_;
  Event event_;
  std::atomic<bool> is_requested_ = false;

  // Of the thread in run().
  std::optional<Clock::time_point> due_at_;
  Clock::time_point idle_since_;
  std::chrono::nanoseconds cpu_time_{};  // at idle_since_
  std::optional<Result<void>> outcome_;
};

}  // namespace hermitage::vmm::snapshot
