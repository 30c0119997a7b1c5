// The protocol of `hermitage run --control`: commands for a running guest, over a Unix stream socket.
//
// A client sends one line, the name of a command. With `snapshot`, the first byte carries one descriptor (SCM_RIGHTS):
// an empty file that is open for writing. The answer is kControlDone or kControlFailed, then text, then the end
// of the stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace hermitage::base {

enum class ControlCommand : std::uint8_t {
  stats,     // statistics of the run so far
  trace,     // the last hypercalls of each vCPU
  pause,     // stop all vCPUs until `resume`
  resume,    // end the pause
  snapshot,  // save the guest to the file, and let it continue
};

// Nothing for any other name.
[[nodiscard]] auto parse_control_command(std::string_view name) -> std::optional<ControlCommand>;

inline constexpr std::size_t kMaxControlLine = 32;  // bytes, with the newline
inline constexpr char kControlDone = '+';
inline constexpr char kControlFailed = '-';

}  // namespace hermitage::base
