// How a run ended, whichever engine it was in.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

namespace hermitage::launch {

struct GuestExited {
  int code = 0;
};
struct GuestDied {
  std::string reason = {};  // a sentence without a full stop
};
struct TimedOut {};
struct Stopped {
  int signal = 0;
};
struct OutputFailed {
  int error_number = 0;  // errno's
};
// The image's file got shorter while its guest had it mapped.
struct FileTruncated {};
// The engine failed, and not the guest.
struct EngineFailed {
  std::string reason = {};  // empty: it has said so itself
};
using Ending = std::variant<GuestExited, GuestDied, TimedOut, Stopped, OutputFailed, FileTruncated, EngineFailed>;

struct RunReport {
  Ending ending = {};
  std::uint64_t undelivered = 0;  // bytes of output whose reader did not take them in time
  bool lacked_network = false;    // the guest said so as it ended
  bool lacked_memory = false;     // so it did of this
};

// Exit statuses of a program that runs a guest, where they are not the guest's.
inline constexpr int kTimedOutStatus = 124;
inline constexpr int kNotStartedStatus = 125;
inline constexpr int kGuestDiedStatus = 126;

// 128 and the signal's number, as shells have it.
[[nodiscard]] constexpr auto status_after_signal(int signal) -> int {
  constexpr int kSignalBase = 128;
  return kSignalBase + signal;
}

// The exit status of a program whose guest ended so, 0 to 255: a guest's own is taken modulo 256.
[[nodiscard]] auto exit_status(const Ending& ending) -> int;

}  // namespace hermitage::launch
