// The runtime of all guests: a console, arguments, and an exit. The same file runs under a monitor, with hypercalls,
// and on a bare machine. The platform in the boot info distinguishes the two.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "hermitage/entry/text.hpp"
#include "hermitage/kernel/boot_info.hpp"

namespace guest {

namespace entry = hermitage::entry;
namespace kernel = hermitage::kernel;

// The Uhyve interface in the guest's note: 1 (x86_64 and aarch64), 2 or 3. Selected at link time.
extern const std::uint32_t interface;

// A line to print, at most 254 characters. Longer lines are truncated.
using Line = entry::FixedText<256>;

// Appends `value` with its sign.
auto append_signed(Line& line, std::int64_t value) -> Line&;

[[nodiscard]] auto boot_info() -> const kernel::RawBootInfo&;

// Whether a monitor runs the guest. Hypercalls are possible only then.
[[nodiscard]] auto has_monitor() -> bool;

// Prints to the serial console.
void print(std::string_view text);
void print_line(std::string_view text);

// Waits for one byte of the console's input. Returns nothing at its end; on bare machines, the input has no end.
[[nodiscard]] auto read_byte() -> std::optional<std::byte>;

[[noreturn]] void exit(int code);

// Prints the reason, and exits with 1.
[[noreturn]] void fail(std::string_view reason);

// The command line: from hypercalls for interface 1, otherwise from the device tree. Created by the first call of any
// of its users.
struct CommandLine {
  std::string_view path;                          // interface 1: argv[0]; else empty
  std::span<const std::string_view> words;        // of the application
  std::span<const std::string_view> environment;  // each KEY=VALUE
};
[[nodiscard]] auto command_line() -> const CommandLine&;

// The application's argument with this index, from 0. Returns nothing if it is missing. Words before a "--" do not
// count.
[[nodiscard]] auto argument(std::size_t index) -> std::optional<std::string_view>;

// The decimal number in `text`. Nothing if it is not a number.
[[nodiscard]] auto number(std::string_view text) -> std::optional<std::int64_t>;

}  // namespace guest

// Each guest implements this function. The result is the exit code.
auto guest_main() -> int;
