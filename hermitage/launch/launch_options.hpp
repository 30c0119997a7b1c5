// The options of a launch from one source: the command line, the environment, or a configuration file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hermitage/base/file_mapping.hpp"
#include "hermitage/launch/failure.hpp"

namespace hermitage::launch {

enum class Engine : std::uint8_t {
  any,   // the monitor if it can run the kernel, otherwise QEMU
  kvm,   // the monitor
  qemu,  // with its emulator or with KVM
};

// The options as the user wrote them. make_launch_spec() parses them. An option that is not given is empty.
struct LaunchOptions {
  std::optional<std::string> output = {};  // a file, or "none"
  std::optional<std::string> memory_size = {};
  std::optional<std::uint32_t> cpu_count = {};  // above 0
  std::optional<std::string> affinity = {};
  std::optional<std::string> tempdir = {};
  std::optional<std::string> temp_limit = {};
  std::optional<std::string> image_mode = {};
  std::optional<std::string> file_isolation = {};
  std::optional<std::string> sandbox = {};
  std::optional<std::string> io_mode = {};
  std::vector<std::string> env_vars = {};  // the last of several with the same name is used
  std::vector<std::string> kernel_args = {};
  std::vector<std::string> words = {};  // after the image
  std::vector<base::FileMapping> file_mappings = {};
  std::optional<std::string> net = {};          // see base::parse_network()
  std::vector<std::string> publish = {};        // see base::parse_port_forward()
  std::optional<std::string> pcap = {};         // a file
  std::optional<std::string> stale_files = {};  // "refuse" or "allow"
  std::optional<std::string> clones = {};       // "warn" or "allow"
  std::optional<std::string> gdb = {};          // where debuggers connect: see vmm::debug::listen_at()
  std::optional<std::string> control = {};      // the path of a Unix socket
  std::optional<std::string> core = {};         // a file
  std::optional<std::string> core_on = {};
  std::optional<std::string> core_limit = {};
  std::optional<std::string> timeline = {};        // a file
  std::optional<std::string> profile = {};         // a file
  std::optional<std::uint32_t> profile_rate = {};  // samples per second, from 1 to kMaxProfileRate
  std::optional<double> timeout_seconds = {};      // above 0, at most 1e9
  std::optional<int> kvm_fd = {};                  // an inherited descriptor of /dev/kvm
  bool gdb_no_wait = false;
  bool no_aslr = false;
  bool huge_pages = false;
  bool merges_pages = false;
  bool timer = false;
  bool manages_power = false;
  bool stats = false;

  std::optional<Engine> engine = {};
  std::string loader = {};
  std::vector<std::string> qemu_args = {};
  std::string config = {};  // the path of a configuration file

  friend auto operator==(const LaunchOptions&, const LaunchOptions&) -> bool = default;
};

// The name of a given option that only QEMU supports; null: none.
[[nodiscard]] auto option_for_qemu(const LaunchOptions& options) -> const char*;

// The options from the environment variables HERMIT_MEMORY_SIZE, HERMIT_CPU_COUNT, HERMIT_CONFIG, HERMIT_GDB_PORT,
// HERMITAGE_ENGINE and HERMITAGE_NET, without those that are in `given`. Empty variables are ignored. Fails with usage,
// and names the variable, if a value is invalid.
[[nodiscard]] auto options_of_environment(const LaunchOptions& given) -> OrFailure<LaunchOptions>;

// A number above 0.
[[nodiscard]] auto parse_cpu_count(std::string_view text) -> std::optional<std::uint32_t>;

// A number of samples per second, from 1 to kMaxProfileRate.
inline constexpr std::uint32_t kMaxProfileRate = 10'000;
[[nodiscard]] auto parse_profile_rate(std::string_view text) -> std::optional<std::uint32_t>;

[[nodiscard]] auto parse_port(std::string_view text) -> std::optional<std::uint16_t>;

// "auto", "kvm" or "qemu".
[[nodiscard]] auto parse_engine(std::string_view text) -> std::optional<Engine>;

// "0-1,3" or "0 1 3" as the host's CPUs 0, 1 and 3, each below 65536; nothing for anything else.
[[nodiscard]] auto parse_affinity(std::string_view text) -> std::optional<std::vector<unsigned>>;

// HOST:GUEST or HOST:GUEST:ro; nothing for anything else. There is no way to write a colon in a path.
[[nodiscard]] auto parse_file_mapping(std::string_view text) -> std::optional<base::FileMapping>;

// Flags for opening files of the guest on the host.
struct IoMode {
  bool is_direct = false;       // O_DIRECT
  bool is_synchronous = false;  // O_SYNC

  friend auto operator==(const IoMode&, const IoMode&) -> bool = default;
};

// "host=direct,sync", or one of the two; nothing for anything else.
[[nodiscard]] auto parse_io_mode(std::string_view text) -> std::optional<IoMode>;

// The arguments after the image. A list that is not given is absent, which differs from an empty one.
struct GuestWords {
  std::optional<std::vector<std::string>> kernel = {};
  std::optional<std::vector<std::string>> application = {};
};

// Without a leading `--`, all arguments are the application's, including a later `--`. A leading `--` is removed; if
// another `--` follows, the arguments before it are the kernel's.
[[nodiscard]] auto split_words(std::vector<std::string> words) -> GuestWords;

}  // namespace hermitage::launch
