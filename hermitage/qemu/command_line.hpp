// How QEMU is called for a guest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "hermitage/base/network.hpp"
#include "hermitage/qemu/target.hpp"

namespace hermitage::qemu {

// Of the host, that are forwarded: QEMU is told of each, in one word, which can have 128 KiB.
inline constexpr unsigned kMaxForwards = 2048;

// The longest command line for a kernel, in bytes: a boot loader takes 16 KiB, of which some are its own.
inline constexpr std::size_t kMaxBootArguments = std::size_t{15} << 10;

// See base::NetworkSpec.
struct Network {
  base::NetworkSpec spec = {};
  std::vector<base::PortForward> forwards = {};
  std::string pcap = {};   // the file that QEMU writes; empty: none
  bool is_socket = false;  // NetworkMode::descriptor: not a tap
};

// See launch::DebugSpec.
struct Debugging {
  std::string place;
  bool waits = true;
};

struct Machine {
  Target target;
  std::string image;              // a kernel's file, or a packed image's
  std::uint64_t image_size = 0;   // bytes
  std::string loader;             // the boot loader's file; empty: the kernel boots by itself, by PVH
  std::string boot_arguments;     // for the loader and the kernel, see base::boot_arguments()
  std::uint64_t memory_size = 0;  // bytes, a multiple of base::kMemoryUnit
  std::uint32_t cpu_count = 1;
  bool uses_kvm = false;      // instead of QEMU's emulator
  bool merges_pages = false;  // with those of other guests
  bool manages_power = false;
  bool has_sandbox = true;  // QEMU gives up system calls
  Network network = {};
  std::optional<Debugging> debugging = {};
  std::vector<std::string> more = {};  // words for QEMU, behind ours
};

struct NeededFile {
  std::string path;
  bool is_written = false;  // as well as read

  friend auto operator==(const NeededFile&, const NeededFile&) -> bool = default;
};

struct CommandLine {
  std::vector<std::string> words;  // the first is the program's name
  // Files whose names QEMU would not read right. They are to be open as descriptors 3, 4 and so on, and are named
  // /dev/fd/3, /dev/fd/4 among the words.
  std::vector<std::string> descriptors;
  // What QEMU opens by itself of what the machine names.
  std::vector<NeededFile> files = {};
};

// The error is a sentence about something that QEMU or the loader cannot do.
[[nodiscard]] auto command_line(const Machine& machine) -> std::expected<CommandLine, std::string>;

// What a shell does the same by, in printable ASCII: names and arguments may come from an image that nobody trusts.
// Where that takes $'…', a shell such as bash, or one of POSIX 2024.
[[nodiscard]] auto shell_text(const CommandLine& line) -> std::string;

}  // namespace hermitage::qemu
