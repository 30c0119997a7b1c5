#include "hermitage/cli/timeline_json.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <string_view>

#include <fmt/format.h>

#include "hermitage/inspect/json.hpp"

namespace hermitage::cli {
namespace {

using vmm::observe::Timeline;
using vmm::observe::TimelineEvent;
using vmm::observe::TimelineTrack;

auto json_string(std::string_view text) -> std::string {
  return inspect::dump(inspect::Json(text));
}

auto first_moment(const Timeline& timeline) -> Timeline::Clock::time_point {
  auto first = Timeline::Clock::time_point::max();
  for (const auto* const track : timeline.tracks()) {
    track->for_each([&](const TimelineEvent& event) { first = std::min(first, event.begin); });
  }
  return first;
}

auto microseconds(std::chrono::nanoseconds time) -> double {
  return std::chrono::duration<double, std::micro>{time}.count();
}

// The kind of an event, by which Perfetto can filter.
auto category_of(std::string_view name) -> std::string_view {
  for (const std::string_view category : {"hypercall", "output"}) {
    if (name.starts_with(category)) return category;
  }
  return name.ends_with("frame") ? "network" : "monitor";
}

class Writer {
 public:
  Writer(const Timeline& timeline, const std::string& image) : timeline_{timeline}, first_{first_moment(timeline)} {
    text_ = R"({"displayTimeUnit":"ns","traceEvents":[)";
    put_name("process_name", 0, image);
    for (const auto* const track : timeline_.tracks()) put_track(*track);
    text_ += "\n],\"otherData\":{\"dropped\":{";
    put_dropped();
    text_ += "}}}\n";
  }

  [[nodiscard]] auto text() && -> std::string { return std::move(text_); }

 private:
  // Names the process, or a thread of it.
  void put_name(std::string_view what, std::size_t thread, std::string_view name) {
    fmt::format_to(std::back_inserter(text_), R"({}
{{"ph":"M","name":"{}","pid":1,"tid":{},"args":{{"name":{}}}}})",
                   is_first_ ? "" : ",", what, thread, json_string(name));
    is_first_ = false;
  }

  void put_track(const TimelineTrack& track) {
    ++thread_;
    bool is_named = false;
    track.for_each([&](const TimelineEvent& event) {
      if (!is_named) put_name("thread_name", thread_, track.name());
      is_named = true;
      put_event(event);
    });
  }

  void put_event(const TimelineEvent& event) {
    auto out = std::back_inserter(text_);
    fmt::format_to(out, R"(,
{{"name":{},"cat":"{}","pid":1,"tid":{},"ts":{:.3f})",
                   json_string(title_of(event)), category_of(event.name), thread_, microseconds(event.begin - first_));
    if (event.kind == TimelineEvent::Kind::instant) {
      text_ += R"(,"ph":"i","s":"t")";
    } else {
      fmt::format_to(out, R"(,"ph":"X","dur":{:.3f})", microseconds(event.duration));
    }
    put_arguments(event);
    text_ += '}';
  }

  // A hypercall is called by its own name; a line of output is its own title.
  static auto title_of(const TimelineEvent& event) -> std::string_view {
    constexpr std::string_view kPrefix = "hypercall ";
    const std::string_view name{event.name};
    if (event.kind == TimelineEvent::Kind::instant && event.detail_size != 0) return event.detail_text();
    return name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : name;
  }

  void put_arguments(const TimelineEvent& event) {
    if (event.kind == TimelineEvent::Kind::instant || (event.detail_size == 0 && event.access_size == 0)) return;
    std::string arguments;
    if (event.detail_size != 0) arguments += fmt::format(R"("call":{})", json_string(event.detail_text()));
    if (event.access_size != 0) {
      arguments += fmt::format(R"({}"address":"{:#x}","bytes":{},"write":{})", arguments.empty() ? "" : ",",
                               event.address, event.access_size, event.is_write);
    }
    text_ += R"(,"args":{)" + arguments + "}";
  }

  void put_dropped() {
    bool is_first = true;
    for (const auto* const track : timeline_.tracks()) {
      if (track->dropped() == 0) continue;
      text_ += fmt::format("{}{}:{}", is_first ? "" : ",", json_string(track->name()), track->dropped());
      is_first = false;
    }
  }

  const Timeline& timeline_;
  Timeline::Clock::time_point first_;
  std::string text_;
  std::size_t thread_ = 0;
  bool is_first_ = true;
};

}  // namespace

auto timeline_json(const Timeline& timeline, const std::string& image) -> std::string {
  return Writer{timeline, image}.text();
}

auto dropped_events_text(const Timeline& timeline) -> std::string {
  std::string list;
  for (const auto* const track : timeline.tracks()) {
    if (track->dropped() == 0) continue;
    list += fmt::format("{}{} of {}", list.empty() ? "" : ", ", track->dropped(), track->name());
  }
  return list.empty() ? list : fmt::format("the timeline lacks its oldest events: {}", list);
}

}  // namespace hermitage::cli
