// What is to be run and with what: everything that was said about a launch, in one value.
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

// The most that an image may ask for: no host has more to give.
inline constexpr std::uint64_t kMostMemory = std::uint64_t{64}
                                             << 40;  // bytes; a process can map no more than twice that
inline constexpr std::uint32_t kMostCpus = 4096;     // vCPUs; Linux's KVM_MAX_VCPUS is never above it

enum class ImageMode : std::uint8_t {
  external,  // the guest reaches a packed image's files by hypercalls
  internal,  // it finds the image in its memory
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
  bool waits = true;  // the guest waits for one before its first instruction

  friend auto operator==(const DebugSpec&, const DebugSpec&) -> bool = default;
};

// Tells the user how to connect a debugger. `address` is the place, as GDB's `target remote` takes it.
[[nodiscard]] auto debugger_notice(const DebugSpec& debug, std::string_view address) -> std::string;

// What is optional has a default of the engine's.
struct LaunchSpec {
  std::string image = {};               // the name that it was given
  std::uint64_t memory_size = 0;        // bytes
  std::uint32_t cpu_count = 1;          // vCPUs
  std::vector<unsigned> affinity = {};  // the host's CPU for each vCPU, or none
  base::Arguments arguments = {};
  bool has_words = false;  // words of the user's are among the arguments
  Output output = {};
  std::optional<std::chrono::nanoseconds> timeout = {};  // from the start of the program
  bool randomizes_addresses = true;
  bool huge_pages = false;
  bool merges_pages = false;
  bool timer = false;  // an i8254
  bool manages_power = false;
  bool stats = false;  // are to be told at the end

  base::NetworkSpec network = {};
  std::vector<base::PortForward> forwards = {};  // with NetworkMode::user only
  std::string pcap = {};                         // the file for what goes over the wire; empty: none

  std::optional<DebugSpec> debug = {};

  std::vector<base::FileMapping> file_mappings = {};
  std::optional<IoMode> io_mode = {};
  std::optional<std::string> tempdir = {};
  std::optional<std::uint64_t> temp_limit = {};  // bytes
  std::optional<ImageMode> image_mode = {};
  std::optional<FileIsolation> file_isolation = {};
  std::optional<bool> has_sandbox = {};

  // For QEMU only.
  std::string loader = {};                  // the boot loader's file; empty: the one that fits
  std::vector<std::string> qemu_args = {};  // more words for QEMU's command line

  std::vector<std::string> warnings = {};  // a sentence each
};

// Each source of a launch, the strongest first. See make_launch_spec().
struct LaunchSources {
  LaunchOptions command_line = {};
  LaunchOptions environment = {};
  LaunchOptions config_file = {};
  image::Config image = {};
};

// The options of the three sources in one. Of an option that several give, the strongest source's counts; a flag that
// one sets is set; lists are put together, the strongest at the end, where of two variables with one name the last
// counts.
[[nodiscard]] auto merged(const LaunchSources& sources) -> LaunchOptions;

// What all sources say together. What is merged() comes first, the image's configuration next, defaults last:
//  - memory and vCPUs: at least what the image asks for; it fails where the options say less;
//  - the kernel's arguments, the application's, and each variable by its name: the image's, where the options have
//  none;
//  - the network: none, or `user` where ports are forwarded. A static address and an MTU become variables of the guest
//  (HERMIT_IP, HERMIT_MASK, HERMIT_GATEWAY, HERMIT_DNS1, HERMIT_DNS2, HERMIT_MTU), where the options set none of that
//  name.
// `image` is the name that it was given. Fails with usage where an option's value is wrong or no kernel takes the
// arguments (see base::boot_arguments), and with not_started where the image requires more than it gets, or than
// kMostMemory and kMostCpus. The host's variables are read where "-e host" asks for them.
[[nodiscard]] auto make_launch_spec(const std::string& image, const LaunchSources& sources) -> OrFailure<LaunchSpec>;

// The timeout that the options ask for.
[[nodiscard]] auto timeout_of(const LaunchOptions& options) -> std::optional<std::chrono::nanoseconds>;

// Whether make_launch_spec() takes an image's configuration where nothing else is said. The error is a sentence about
// what it lacks.
[[nodiscard]] auto check_config(const image::Config& config) -> std::expected<void, std::string>;

}  // namespace hermitage::launch
