#include "hermitage/vmm/observe/timeline.hpp"

#include <gtest/gtest.h>

namespace hermitage::vmm::observe {
namespace {

auto numbered(std::uint64_t number) -> TimelineEvent {
  TimelineEvent event;
  event.address = number;
  return event;
}

auto numbers_of(const TimelineTrack& track) -> std::vector<std::uint64_t> {
  std::vector<std::uint64_t> numbers;
  track.for_each([&](const TimelineEvent& event) { numbers.push_back(event.address); });
  return numbers;
}

auto details_of(const TimelineTrack& track) -> std::vector<std::string> {
  std::vector<std::string> details;
  track.for_each([&](const TimelineEvent& event) { details.emplace_back(event.detail_text()); });
  return details;
}

using Numbers = std::vector<std::uint64_t>;
using Details = std::vector<std::string>;

TEST(TimelineTrack, KeepsTheLastEventsInOrder) {
  TimelineTrack track{"thread", 3};
  EXPECT_EQ(numbers_of(track), Numbers{});
  for (std::uint64_t i = 1; i <= 3; ++i) track.add(numbered(i));
  EXPECT_EQ(numbers_of(track), (Numbers{1, 2, 3}));
  EXPECT_EQ(track.dropped(), 0U);
  for (std::uint64_t i = 4; i <= 8; ++i) track.add(numbered(i));
  EXPECT_EQ(numbers_of(track), (Numbers{6, 7, 8}));
  EXPECT_EQ(track.dropped(), 5U);
}

TEST(TimelineEvent, CutsItsDetail) {
  TimelineEvent event;
  event.set_detail(std::string(1000, 'x'));
  EXPECT_EQ(event.detail_text(), std::string(TimelineEvent::kDetail, 'x'));
  event.set_detail("short");
  EXPECT_EQ(event.detail_text(), "short");
}

TEST(Timeline, HasATrackForEachThread) {
  Timeline timeline{4};
  timeline.add_vcpu(0).add(numbered(1));
  timeline.add_vcpu(1);
  std::vector<std::string> names;
  for (const auto* const track : timeline.tracks()) names.push_back(track->name());
  EXPECT_EQ(names, (std::vector<std::string>{"monitor", "vCPU 0", "vCPU 1", "output", "network"}));
}

TEST(Phase, IsASpanOfItsTimeline) {
  Timeline timeline{4};
  {
    const Phase outer{&timeline, "outer"};
    const Phase inner{&timeline, "inner"};
    const Phase none{nullptr, "none"};
  }
  std::vector<std::string> names;
  timeline.phases().for_each([&](const TimelineEvent& event) {
    names.emplace_back(event.name);
    EXPECT_EQ(event.kind, TimelineEvent::Kind::span);
    EXPECT_GE(event.duration.count(), 0);
  });
  EXPECT_EQ(names, (std::vector<std::string>{"inner", "outer"}));
}

TEST(AddLines, SplitsOutput) {
  TimelineTrack track{"output", 8};
  add_lines(track, "one\n\ntwo\nthree");
  add_lines(track, "");
  EXPECT_EQ(details_of(track), (Details{"one", "", "two", "three"}));
}

}  // namespace
}  // namespace hermitage::vmm::observe
