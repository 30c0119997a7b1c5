// A timeline of a run: what each thread of the monitor did, and when.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "hermitage/entry/compiler.hpp"

namespace hermitage::vmm::observe {

struct TimelineEvent {
  using Clock = std::chrono::steady_clock;
  enum class Kind : std::uint8_t { span, instant };
  static constexpr std::size_t kDetail = 92;  // bytes

  Clock::time_point begin;
  std::chrono::nanoseconds duration{};  // 0 for an instant
  const char* name = "";                // a string literal
  std::uint64_t address = 0;            // of an access, with the size of an item
  std::uint8_t access_size = 0;         // bytes; 0: not an access
  Kind kind = Kind::span;
  bool is_write = false;
  std::uint8_t detail_size = 0;
  std::array<char, kDetail> detail{};  // can end in the middle of a character

  [[nodiscard]] auto detail_text() const noexcept HERMITAGE_LIFETIMEBOUND -> std::string_view {
    return {detail.data(), detail_size};
  }
  void set_detail(std::string_view text) noexcept;
};

// The last events of one thread, in a ring. One thread at a time uses it.
class TimelineTrack {
 public:
  static constexpr std::size_t kCapacity = 16'384;

  // Reserves the memory of all events, so that add() allocates none.
  TimelineTrack(std::string name, std::size_t capacity);

  // Replaces the oldest event if the ring is full.
  void add(const TimelineEvent& event) noexcept;

  [[nodiscard]] auto name() const noexcept HERMITAGE_LIFETIMEBOUND -> const std::string& { return name_; }
  // The number of events that others have replaced.
  [[nodiscard]] auto dropped() const noexcept -> std::uint64_t { return dropped_; }
  // Calls `visit` with each event, in the order in which they were added.
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (std::size_t i = 0; i < events_.size(); ++i) visit(events_[(oldest_ + i) % events_.size()]);
  }

 private:
  std::string name_;
  std::size_t capacity_;
  std::vector<TimelineEvent> events_;
  std::size_t oldest_ = 0;
  std::uint64_t dropped_ = 0;
};

// All tracks of a run. Each has one owner, and the Timeline can be read when the run has ended.
class Timeline {
 public:
  using Clock = TimelineEvent::Clock;

  // `capacity` is that of each track, at least 1.
  explicit Timeline(std::size_t capacity = TimelineTrack::kCapacity);

  // The phases of the start and of the run. The thread that makes and runs the machine owns it.
  [[nodiscard]] auto phases() noexcept HERMITAGE_LIFETIMEBOUND -> TimelineTrack& { return phases_; }
  // The guest's output, by lines. The lock of the serial port's output protects it.
  [[nodiscard]] auto output() noexcept HERMITAGE_LIFETIMEBOUND -> TimelineTrack& { return output_; }
  // The frames of the network card. Its thread owns it.
  [[nodiscard]] auto network() noexcept HERMITAGE_LIFETIMEBOUND -> TimelineTrack& { return network_; }
  // Adds a track, which the thread of the vCPU owns. Call it before these threads start.
  auto add_vcpu(std::size_t number) HERMITAGE_LIFETIMEBOUND -> TimelineTrack&;

  // All tracks, for the time after the run.
  [[nodiscard]] auto tracks() const HERMITAGE_LIFETIMEBOUND -> std::vector<const TimelineTrack*>;

 private:
  std::size_t capacity_;
  TimelineTrack phases_;
  TimelineTrack output_;
  TimelineTrack network_;
  std::vector<std::unique_ptr<TimelineTrack>> vcpus_;
};

// A phase of the start: from its construction to its destruction. `timeline` can be null. `name` is a string literal.
class Phase {
 public:
  Phase(Timeline* timeline, const char* name) noexcept;
  Phase(const Phase&) = delete;
  auto operator=(const Phase&) -> Phase& = delete;
  ~Phase();

 private:
  Timeline* timeline_;
  const char* name_;
  Timeline::Clock::time_point begin_;
};

// Adds an instant for each line of the output.
void add_lines(TimelineTrack& track, std::string_view output);

}  // namespace hermitage::vmm::observe
