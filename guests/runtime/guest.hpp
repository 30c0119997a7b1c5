// What every guest has: a console, its arguments, and a way out. One binary runs under a monitor, where it makes
// hypercalls, and on a bare machine, which it knows by the platform in its boot info.
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

// The Uhyve interface of the guest's note: 1 (x86_64 only), 2 or 3. Chosen when it is linked.
extern const std::uint32_t interface;

// A line to be printed, at most 254 characters long; what is longer is cut off.
using Line = entry::FixedText<256>;

// `value` with a sign.
auto append_signed(Line& line, std::int64_t value) -> Line&;

[[nodiscard]] auto boot_info() -> const kernel::RawBootInfo&;

// Whether a monitor runs it, so that hypercalls are possible.
[[nodiscard]] auto has_monitor() -> bool;

// To the serial console.
void print(std::string_view text);
void print_line(std::string_view text);

// One byte of the console's input; waits for it. Nothing at its end, which no bare machine has.
[[nodiscard]] auto read_byte() -> std::optional<std::byte>;

[[noreturn]] void exit(int code);

// Prints the reason, and exits with 1.
[[noreturn]] void fail(std::string_view reason);

// The command line: by hypercall for interface 1, else from the device tree. Made at the first call, in no order.
struct CommandLine {
  std::string_view path;                          // interface 1: argv[0]; else empty
  std::span<const std::string_view> words;        // the application's
  std::span<const std::string_view> environment;  // each KEY=VALUE
};
[[nodiscard]] auto command_line() -> const CommandLine&;

// The application's first, second … argument, from 0; nothing when it was not given. Words before a "--" do not count.
[[nodiscard]] auto argument(std::size_t index) -> std::optional<std::string_view>;

// The decimal number in `text`, if it is one.
[[nodiscard]] auto number(std::string_view text) -> std::optional<std::int64_t>;

}  // namespace guest

// Each guest's own part. What it returns is the exit code.
auto guest_main() -> int;
