// The description of a launch, combined from all sources of options.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hermitage/base/arguments.hpp"
#include "hermitage/base/file_mapping.hpp"
#include "hermitage/base/network.hpp"
#include "hermitage/image/config.hpp"
#include "hermitage/launch/failure.hpp"
#include "hermitage/launch/launch_options.hpp"

namespace hermitage::launch {

// The largest requirements that an image can have. No host has more.
inline constexpr std::uint64_t kMostMemory = std::uint64_t{64}
                                             << 40;  // bytes; the address space of a process is at most twice as large
inline constexpr std::uint32_t kMostCpus = 4096;     // vCPUs; KVM_MAX_VCPUS of Linux is never larger

enum class ImageMode : std::uint8_t {
  external,  // the guest accesses an image's files with hypercalls
  internal,  // the guest finds the image in its memory
};

enum class FileIsolation : std::uint8_t { none, normal, strict };

struct Output {
  enum class Kind : std::uint8_t { standard, none, file };

  Kind kind = Kind::standard;
  std::string path = {};  // of a file

  friend auto operator==(const Output&, const Output&) -> bool = default;
};

struct DebugSpec {
  std::string place;  // where debuggers connect: see vmm::debug::listen_at()
  bool waits = true;  // the guest waits for a debugger before its first instruction

  friend auto operator==(const DebugSpec&, const DebugSpec&) -> bool = default;
};

struct CoreSpec {
  std::string path;
  std::optional<std::uint64_t> limit = {};  // bytes of the guest's memory
  bool on_exit = false;                     // also if the guest exits

  friend auto operator==(const CoreSpec&, const CoreSpec&) -> bool = default;
};

// A message for users: how to connect a debugger. `address` is the place in the syntax of GDB's `target remote`.
[[nodiscard]] auto debugger_notice(const DebugSpec& debug, std::string_view address) -> std::string;

// Without a value, an optional member means the engine's default.
struct LaunchSpec {
  std::string image = {};               // the name from the user
  std::uint64_t memory_size = 0;        // bytes
  std::uint32_t cpu_count = 1;          // vCPUs
  std::vector<unsigned> affinity = {};  // the CPU for each vCPU, or empty
  base::Arguments arguments = {};
  bool has_words = false;  // the arguments include some of the user's
  Output output = {};
  std::optional<std::chrono::nanoseconds> timeout = {};  // from the start of the program
  bool randomizes_addresses = true;
  bool huge_pages = false;
  bool merges_pages = false;
  bool timer = false;  // an i8254
  bool manages_power = false;
  bool stats = false;                // print them at the end
  std::string profile = {};          // file for a profile of the run; empty: none
  std::uint32_t profile_rate = 997;  // samples per second of each vCPU
  std::string timeline = {};         // file for a timeline of the run; empty: none

  base::NetworkSpec network = {};
  std::vector<base::PortForward> forwards = {};  // with NetworkMode::user only
  std::string pcap = {};                         // file for all frames of the network card; empty: none

  std::string control = {};  // path of a socket for commands; empty: none
  std::optional<DebugSpec> debug = {};
  std::optional<CoreSpec> core = {};  // a core file, if the guest crashes

  std::vector<base::FileMapping> file_mappings = {};
  std::optional<IoMode> io_mode = {};
  std::optional<std::string> tempdir = {};
  std::optional<std::uint64_t> temp_limit = {};  // bytes
  std::optional<ImageMode> image_mode = {};
  std::optional<FileIsolation> file_isolation = {};
  std::optional<bool> has_sandbox = {};
  std::optional<bool> accepts_stale_files = {};  // a snapshot's open files may have changed since it was saved
  std::optional<bool> accepts_clones = {};       // do not warn if a guest has started from the snapshot before

  int kvm = -1;  // an inherited descriptor of /dev/kvm; negative: none

  // For QEMU only.
  std::string loader = {};                  // file of the boot loader; empty: the default loader
  std::vector<std::string> qemu_args = {};  // additional arguments of QEMU's command line

  std::vector<std::string> warnings = {};  // one sentence each
};

// The sources of a launch, with the highest precedence first. See make_launch_spec().
struct LaunchSources {
  LaunchOptions command_line = {};
  LaunchOptions environment = {};
  LaunchOptions config_file = {};
  image::Config image = {};
};

// Combines the options of the three sources. For an option, the source with the highest precedence counts. A flag is
// set if a source sets it. Lists are concatenated, with the highest precedence at the end. Of two variables with the
// same name, the last counts.
[[nodiscard]] auto merged(const LaunchSources& sources) -> LaunchOptions;

// Combines all sources. merged() has the highest precedence, then the image's configuration, then the defaults:
//  - memory and vCPUs: at least the requirements of the image; the function fails if the options set less;
//  - arguments of the kernel and of the application, and each variable by its name: those of the image, if the
//  options set none;
//  - network: none, or `user` if ports are forwarded. A static address and an MTU become variables of the guest
//  (HERMIT_IP, HERMIT_MASK, HERMIT_GATEWAY, HERMIT_DNS1, HERMIT_DNS2, HERMIT_MTU), unless the options set a variable
//  of that name.
// `image` is the name from the user. Fails with usage if an option's value is malformed or no kernel accepts the
// arguments (see base::boot_arguments). Fails with not_started if the image requires more than the options set, or
// more than kMostMemory and kMostCpus. Reads the host's variables for "-e host".
[[nodiscard]] auto make_launch_spec(const std::string& image, const LaunchSources& sources) -> OrFailure<LaunchSpec>;

// The timeout from the options.
[[nodiscard]] auto timeout_of(const LaunchOptions& options) -> std::optional<std::chrono::nanoseconds>;

// Whether make_launch_spec() accepts the configuration of an image without other options. A failure has no subject.
[[nodiscard]] auto check_config(const image::Config& config) -> OrFailure<void>;

}  // namespace hermitage::launch
