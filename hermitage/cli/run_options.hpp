// What `hermitage run` is told: options, the environment, a configuration file.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hermitage/base/file_mapping.hpp"

namespace hermitage::cli {

enum class Engine : std::uint8_t {
  any,   // the monitor where it can, else QEMU
  kvm,   // the monitor
  qemu,  // by its emulator or by KVM
};

// As it is written, until an engine makes a machine of it. What is not given is empty.
struct RunOptions {
  std::optional<std::string> output;
  std::optional<std::string> memory_size;
  std::optional<std::uint32_t> cpu_count;
  std::optional<std::string> affinity;
  std::optional<std::string> tempdir;
  std::optional<std::string> image_mode;
  std::optional<std::string> file_isolation;
  std::optional<std::string> io_mode;
  std::vector<std::string> env_vars;  // of several with one name the last counts
  bool no_aslr = false;
  bool huge_pages = false;
  bool merges_pages = false;
  bool timer = false;
  bool manages_power = false;
  bool stats = false;

  // Not in a configuration file.
  std::vector<std::string> kernel_args;
  std::optional<Engine> engine;
  std::string loader;
  std::vector<std::string> qemu_args;
  bool dry_run = false;
  std::string config;
  std::optional<std::string> sandbox;
  std::optional<std::string> temp_limit;
  std::vector<base::FileMapping> file_mappings;
  std::string stats_file;
  std::optional<double> timeout_seconds;
  bool trace = false;
  bool verbose = false;
  bool wants_help = false;
  std::string image;                  // as it was named
  std::string file;                   // where its bytes are: at the same path, or in a copy of standard input
  std::vector<std::string> words;     // after the image
  std::vector<int> kept_descriptors;  // that the command line names, of those that this process was started with
};

// Reads the words after `hermitage run`, and its environment variables. The image ends the options. The error is a
// sentence about wrong usage; nothing but `wants_help` counts when that is set.
[[nodiscard]] auto parse_run_options(std::vector<std::string> words) -> std::expected<RunOptions, std::string>;

// What `hermitage run --help` says.
[[nodiscard]] auto run_help() -> std::string;

// Adds what Uhyve's configuration file (TOML) says to what is not given yet; its environment variables come first. The
// error names place and cause.
[[nodiscard]] auto add_config_file(RunOptions& options, const std::string& path, std::vector<std::string>& warnings)
    -> std::expected<void, std::string>;

// "0-1,3" or "0 1 3" as the host's processors 0, 1 and 3; nothing for anything else.
[[nodiscard]] auto parse_affinity(std::string_view text) -> std::optional<std::vector<unsigned>>;

// HOST:GUEST or HOST:GUEST:ro; nothing for anything else. There is no way to write a colon in a path.
[[nodiscard]] auto parse_file_mapping(std::string_view text) -> std::optional<base::FileMapping>;

// How the files that the guest opens are opened on the host.
struct IoMode {
  bool is_direct = false;       // past the page cache
  bool is_synchronous = false;  // written when the call is back

  friend auto operator==(const IoMode&, const IoMode&) -> bool = default;
};

// "host=direct,sync", or one of the two; nothing for anything else.
[[nodiscard]] auto parse_io_mode(std::string_view text) -> std::optional<IoMode>;

// The name of an option that is given, and that QEMU alone has a use for; null: none.
[[nodiscard]] auto option_for_qemu(const RunOptions& options) -> const char*;

// The sentence about it.
[[nodiscard]] auto for_qemu_only(std::string_view option) -> std::string;

// The words after the image. A list that is not given is not there, which is not the same as an empty one.
struct GuestWords {
  std::optional<std::vector<std::string>> kernel;
  std::optional<std::vector<std::string>> application;
};

// Without a `--` at the beginning, all words are the application's, a later `--` too. Behind one at the beginning, they
// are the application's as well, or, when there is another `--`, those before it are the kernel's.
[[nodiscard]] auto split_words(std::vector<std::string> words) -> GuestWords;

}  // namespace hermitage::cli
