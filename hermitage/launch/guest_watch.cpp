#include "hermitage/launch/guest_watch.hpp"

#include <utility>

#include <fmt/format.h>

namespace hermitage::launch {

GuestWatch::GuestWatch(std::function<void(std::string_view)> tell) : tell_{std::move(tell)} {}

void GuestWatch::on_start(Time now) {
  if (!start_) start_ = now;
}

void GuestWatch::on_input_end(Time now, std::uint64_t size) {
  if (size > 0) input_ended_at_ = now;
}

auto GuestWatch::takes_input(Time now) const -> bool {
  return has_output_ || (start_ && now >= *start_ + kInputDelay);
}

auto GuestWatch::wake(Time now) -> std::optional<Time> {
  std::optional<Time> next;
  const auto until = [&next, now](Time time) {
    if (time > now && (!next || time < *next)) next = time;
    return time > now;
  };
  if (start_ && !has_output_) {
    until(*start_ + kInputDelay);
    if (!until(*start_ + kSilence) && !std::exchange(has_told_of_silence_, true)) tell_of_silence();
  }
  if (input_ended_at_ && !until(*input_ended_at_ + kInputEndDelay) && !std::exchange(has_told_of_end_, true)) {
    tell_of_end();
  }
  return next;
}

void GuestWatch::tell_of_silence() const {
  tell_(
      fmt::format("no output for {} s; a kernel that supports only a monitor prints nothing in QEMU, and needs a host "
                  "with KVM (see hermitage doctor)",
                  kSilence.count()));
}

void GuestWatch::tell_of_end() const {
  tell_("standard input has ended, but a guest in QEMU cannot detect that; stop it with Ctrl-C or --timeout");
}

}  // namespace hermitage::launch
