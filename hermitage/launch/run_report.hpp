// The end of a run, for each engine.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

namespace hermitage::launch {

struct GuestExited {
  int code = 0;
};
struct GuestCrashed {
  std::string reason = {};  // a sentence without a full stop
};
struct TimedOut {};
struct Stopped {
  int signal = 0;
};
struct OutputFailed {
  int error_number = 0;  // value of errno
};
// The image's file was truncated while the guest had it mapped.
struct FileTruncated {};
// The engine failed, not the guest.
struct EngineFailed {
  std::string reason = {};  // empty: the engine has printed it
};
// The guest was to be saved, and to end then. `problem` is empty if it was saved, and otherwise a sentence.
struct GuestSaved {
  std::string problem = {};
};
using Ending =
    std::variant<GuestExited, GuestCrashed, TimedOut, Stopped, OutputFailed, FileTruncated, EngineFailed, GuestSaved>;

struct RunReport {
  Ending ending = {};
  std::uint64_t undelivered = 0;  // bytes of output that the reader did not take in time
  bool lacked_network = false;    // the guest reported this before its end
  bool lacked_memory = false;     // the guest reported this before its end
  bool was_saved = false;         // to the file of RunRequest::snapshot
  std::string save_problem = {};  // why that failed, as a sentence; empty if it was not tried, or succeeded
};

// Exit statuses of a program that runs a guest, for the cases without an exit code of the guest.
inline constexpr int kTimedOutStatus = 124;
inline constexpr int kNotStartedStatus = 125;
inline constexpr int kGuestCrashedStatus = 126;

// 128 plus the signal's number, as in shells.
[[nodiscard]] constexpr auto status_after_signal(int signal) -> int {
  constexpr int kSignalBase = 128;
  return kSignalBase + signal;
}

// The exit status for this ending, 0 to 255: the guest's exit code modulo 256, or one of the above.
[[nodiscard]] auto exit_status(const Ending& ending) -> int;

}  // namespace hermitage::launch
