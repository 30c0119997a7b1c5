// The command line of QEMU for a guest.
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

// The limit on forwarded ports: all are in one argument of QEMU, which can have at most 128 KiB.
inline constexpr unsigned kMaxForwards = 2048;

// The limit on the command line of a kernel, in bytes: a boot loader accepts 16 KiB, including its own arguments.
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
  std::string image;              // file of a kernel or a packed image
  std::uint64_t image_size = 0;   // bytes
  std::string loader;             // file of the boot loader; empty: the kernel supports PVH
  std::string boot_arguments;     // for the loader and the kernel, see base::boot_arguments()
  std::uint64_t memory_size = 0;  // bytes, a multiple of base::kMemoryUnit
  std::uint32_t cpu_count = 1;
  bool uses_kvm = false;      // instead of QEMU's emulator
  bool merges_pages = false;  // KSM
  bool manages_power = false;
  bool has_sandbox = true;  // QEMU's own seccomp filter
  Network network = {};
  std::optional<Debugging> debugging = {};
  std::vector<std::string> more = {};  // further arguments for QEMU
};

struct NeededFile {
  std::string path;
  bool is_written = false;  // as well as read

  friend auto operator==(const NeededFile&, const NeededFile&) -> bool = default;
};

// The descriptor of the first of CommandLine::descriptors.
inline constexpr int kFirstDescriptor = 3;

struct CommandLine {
  std::vector<std::string> words;  // the first is the program's name
  // Files whose names QEMU cannot parse. They must be open as descriptors 3, 4 and so on, and the arguments name them
  // /dev/fd/3, /dev/fd/4.
  std::vector<std::string> descriptors;
  // Files that QEMU opens itself.
  std::vector<NeededFile> files = {};
};

// The address of a debugger's place, as GDB's `target remote` takes it.
[[nodiscard]] auto debugger_address(std::string_view place) -> std::string;

// The error is a sentence about a feature that QEMU or the loader does not support.
[[nodiscard]] auto command_line(const Machine& machine) -> std::expected<CommandLine, std::string>;

// The command line quoted for a shell, in printable ASCII, since names and arguments may come from an untrusted image.
// If it contains $'…', the shell must be bash, or support POSIX 2024.
[[nodiscard]] auto shell_text(const CommandLine& line) -> std::string;

}  // namespace hermitage::qemu
