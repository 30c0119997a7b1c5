#include "hermitage/cli/timeline_json.hpp"

#include <chrono>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace hermitage::cli {
namespace {

using namespace std::chrono_literals;
using vmm::observe::Timeline;
using vmm::observe::TimelineEvent;

constexpr Timeline::Clock::time_point kStart{1h};

auto span(const char* name, std::chrono::nanoseconds begin, std::chrono::nanoseconds duration) -> TimelineEvent {
  TimelineEvent event;
  event.name = name;
  event.begin = kStart + begin;
  event.duration = duration;
  return event;
}

auto instant(std::string_view text) -> TimelineEvent {
  auto event = span("output", 5us, 0ns);
  event.kind = TimelineEvent::Kind::instant;
  event.set_detail(text);
  return event;
}

auto parsed(const Timeline& timeline) -> nlohmann::json {
  return nlohmann::json::parse(timeline_json(timeline, "image"));
}

// The events that are not metadata.
auto events_of(const nlohmann::json& json) -> std::vector<nlohmann::json> {
  std::vector<nlohmann::json> events;
  for (const auto& event : json["traceEvents"]) {
    if (event["ph"] != "M") events.push_back(event);
  }
  return events;
}

TEST(TimelineJson, OfNothingIsValid) {
  const auto json = parsed(Timeline{});
  EXPECT_EQ(json["traceEvents"].size(), 1U);
  EXPECT_EQ(json["traceEvents"][0]["args"]["name"], "image");
  EXPECT_TRUE(json["otherData"]["dropped"].empty());
  EXPECT_EQ(dropped_events_text(Timeline{}), "");
}

TEST(TimelineJson, HasSpansAndInstants) {
  Timeline timeline;
  timeline.phases().add(span("load the kernel", 0ns, 1500ns));
  auto call = span("hypercall open", 2us, 250ns);
  call.address = 0x600;
  call.access_size = 4;
  call.is_write = true;
  call.set_detail("open(\"/x\", O_RDONLY, 0) = 3");
  timeline.add_vcpu(0).add(call);
  timeline.output().add(instant("Hello"));
  timeline.network().add(span("send frame", 7us, 1us));
  const auto json = parsed(timeline);
  const auto events = events_of(json);
  ASSERT_EQ(events.size(), 4U);
  EXPECT_EQ(events[0]["name"], "load the kernel");
  EXPECT_EQ(events[0]["ph"], "X");
  EXPECT_EQ(events[0]["ts"], 0.0);
  EXPECT_EQ(events[0]["dur"], 1.5);
  EXPECT_EQ(events[1]["name"], "open");
  EXPECT_EQ(events[1]["cat"], "hypercall");
  EXPECT_EQ(events[1]["ts"], 2.0);
  EXPECT_EQ(events[1]["dur"], 0.25);
  EXPECT_EQ(
      events[1]["args"],
      (nlohmann::json{{"call", "open(\"/x\", O_RDONLY, 0) = 3"}, {"address", "0x600"}, {"bytes", 4}, {"write", true}}));
  EXPECT_EQ(events[2]["name"], "Hello");
  EXPECT_EQ(events[2]["ph"], "i");
  EXPECT_EQ(events[3]["cat"], "network");
  EXPECT_NE(events[0]["tid"], events[1]["tid"]);
}

TEST(TimelineJson, IsValidWhateverTheGuestWrites) {
  Timeline timeline;
  for (const std::string_view hostile : {"\"},{\"", "\\", "\xff\xfe", "\x1b[2J", "\xc3", "\xe2\x80"}) {
    timeline.output().add(instant(hostile));
    auto call = span("hypercall open", 0ns, 1ns);
    call.set_detail(hostile);
    timeline.phases().add(call);
  }
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  for (std::size_t i = 0; i < all.size(); i += 64) timeline.output().add(instant(std::string_view{all}.substr(i, 64)));
  EXPECT_EQ(events_of(parsed(timeline)).size(), 16U);
  const auto text = timeline_json(timeline, "\xff\"image");
  EXPECT_TRUE(nlohmann::json::accept(text));
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

TEST(TimelineJson, SaysWhatIsMissing) {
  Timeline timeline{2};
  auto& vcpu = timeline.add_vcpu(3);
  for (int i = 0; i < 5; ++i) vcpu.add(span("halt", 1us, 1ns));
  const auto json = parsed(timeline);
  EXPECT_EQ(events_of(json).size(), 2U);
  EXPECT_EQ(json["otherData"]["dropped"]["vCPU 3"], 3);
  EXPECT_EQ(dropped_events_text(timeline), "the timeline lacks its oldest events: 3 of vCPU 3");
}

}  // namespace
}  // namespace hermitage::cli
