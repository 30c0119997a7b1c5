// hermitage debug: runs a guest, with gdb or lldb connected to it.
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <expected>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hermitage/base/program.hpp"
#include "hermitage/cli/command.hpp"
#include "hermitage/cli/commands.hpp"
#include "hermitage/cli/options.hpp"
#include "hermitage/cli/output.hpp"
#include "hermitage/cli/run_options.hpp"
#include "hermitage/launch/run_report.hpp"

namespace hermitage::cli {
namespace {

constexpr std::string_view kLldb = "--lldb";
constexpr OptionText kLldbOption{.name = "lldb", .help = "use lldb instead of gdb; before all other options"};

// Options of `hermitage run` that this command does not accept.
auto is_refused(std::string_view option) -> bool {
  return option == "dry-run" || option.starts_with("gdb");
}

// A directory with the socket, which is removed at the end.
class SocketDirectory {
 public:
  [[nodiscard]] static auto make() -> std::expected<SocketDirectory, std::string> {
    std::error_code error;
    auto path = (std::filesystem::temp_directory_path(error) / "hermitage-debug-XXXXXX").string();
    if (error) return std::unexpected{fmt::format("no directory for temporary files: {}", error.message())};
    if (::mkdtemp(path.data()) == nullptr) {
      return std::unexpected{fmt::format("mkdtemp {}: {}", path, std::strerror(errno))};
    }
    return SocketDirectory{std::move(path)};
  }
  SocketDirectory(SocketDirectory&& other) noexcept : path_{std::exchange(other.path_, {})} {}
  auto operator=(SocketDirectory&&) -> SocketDirectory& = delete;
  ~SocketDirectory() {
    std::error_code error;
    if (!path_.empty()) std::filesystem::remove_all(path_, error);
  }

  [[nodiscard]] auto socket() const -> std::string { return path_ + "/gdb"; }

 private:
  explicit SocketDirectory(std::string path) : path_{std::move(path)} {}

  std::string path_;
};

// Ctrl-C is for the debugger: this process ignores it while this object exists.
class IgnoredInterrupts {
 public:
  IgnoredInterrupts() {
    struct sigaction ignored{};
    ignored.sa_handler = SIG_IGN;
    ::sigaction(SIGINT, &ignored, &before_);
  }
  IgnoredInterrupts(const IgnoredInterrupts&) = delete;
  auto operator=(const IgnoredInterrupts&) -> IgnoredInterrupts& = delete;
  ~IgnoredInterrupts() { ::sigaction(SIGINT, &before_, nullptr); }

 private:
  struct sigaction before_{};
};

enum class Place : std::uint8_t { foreground, background };

// In the background: with no standard input, and in a process group that the terminal's Ctrl-C does not reach.
auto spawn(const std::string& program, const Words& words, Place place) -> std::expected<pid_t, std::string> {
  posix_spawnattr_t attributes{};
  posix_spawn_file_actions_t actions{};
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_init(&actions);
  sigset_t defaults{};
  ::sigemptyset(&defaults);
  ::sigaddset(&defaults, SIGINT);
  ::posix_spawnattr_setsigdefault(&attributes, &defaults);
  short flags = POSIX_SPAWN_SETSIGDEF;
  if (place == Place::background) {
    flags |= POSIX_SPAWN_SETPGROUP;
    ::posix_spawnattr_setpgroup(&attributes, 0);
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  }
  ::posix_spawnattr_setflags(&attributes, flags);
  std::vector<char*> arguments;
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));  // posix_spawn changes none
  arguments.push_back(nullptr);
  pid_t process = 0;
  const int error = ::posix_spawn(&process, program.c_str(), &actions, &attributes, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (error != 0) return std::unexpected{fmt::format("posix_spawn {}: {}", program, std::strerror(error))};
  return process;
}

auto status_of(int wait_status) -> ExitCode {
  const int status =
      WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : launch::status_after_signal(WTERMSIG(wait_status));
  return static_cast<ExitCode>(status);  // NOLINT(clang-analyzer-optin.core.EnumCastOutOfRange): that of the guest
}

// The status of a child that has ended, or ends while this waits.
auto wait_for(pid_t child, int flags = 0) -> std::optional<ExitCode> {
  int status = 0;
  while (true) {
    const auto ended = ::waitpid(child, &status, flags);
    if (ended == child) return status_of(status);
    if (ended == 0 || errno != EINTR) return std::nullopt;
  }
}

// Returns when the guest can be connected to, or its status if it ends before.
auto wait_for_socket(pid_t guest, const std::string& socket) -> std::optional<ExitCode> {
  constexpr std::chrono::milliseconds kInterval{5};
  while (::access(socket.c_str(), F_OK) != 0) {
    if (const auto ended = wait_for(guest, WNOHANG)) return ended;
    std::this_thread::sleep_for(kInterval);
  }
  return std::nullopt;
}

auto is_elf_file(const std::string& path) -> bool {
  std::array<char, 4> magic{};
  std::ifstream{path, std::ios::binary}.read(magic.data(), magic.size());
  return std::string_view{magic.data(), magic.size()} ==
         "\x7f"
         "ELF";
}

// Connects, and stops at the application's main function, if it has one of that name.
auto debugger_words(const std::string& program, bool is_lldb, const std::string& image, const std::string& socket)
    -> Words {
  if (!is_lldb) {
    return {program, "-q",          "-ex", "target remote " + socket,    "-ex", "set breakpoint pending off",
            "-ex",   "tbreak main", "-ex", "set breakpoint pending auto"};
  }
  Words words{program};
  if (is_elf_file(image)) words.push_back(image);
  words.insert(words.end(), {"-o", "process connect --plugin gdb-remote unix-connect://" + socket, "-o",
                             "breakpoint set --one-shot true --name main"});
  return words;
}

// gdb with the printers of Rust, if both are installed.
auto find_debugger(bool is_lldb) -> std::optional<std::string> {
  if (is_lldb) return base::find_program("lldb");
  auto gdb = base::find_program("gdb");
  if (!gdb) return std::nullopt;
  auto rust_gdb = base::find_program("rust-gdb");
  return rust_gdb ? rust_gdb : gdb;
}

auto complain_of_start(const std::string& message) -> ExitCode {
  complain({}, message);
  return ExitCode::not_started;
}

auto debug(bool is_lldb, const RunOptions& options, const Words& run_words) -> ExitCode {
  const auto debugger = find_debugger(is_lldb);
  const auto* const name = is_lldb ? "lldb" : "gdb";
  if (!debugger) return complain_of_start(fmt::format("{0} is not installed; install the package {0}", name));
  const auto directory = SocketDirectory::make();
  if (!directory) return complain_of_start(directory.error());
  Words words{"hermitage", "run", "--gdb", "unix:" + directory->socket()};
  words.insert(words.end(), run_words.begin(), run_words.end());
  const auto guest = spawn("/proc/self/exe", words, Place::background);
  if (!guest) return complain_of_start(guest.error());
  if (const auto ended = wait_for_socket(*guest, directory->socket())) return *ended;
  const IgnoredInterrupts ignored;
  const auto user_end =
      spawn(*debugger, debugger_words(*debugger, is_lldb, options.image, directory->socket()), Place::foreground);
  if (user_end) {
    wait_for(*user_end);
  } else {
    complain({}, user_end.error());
  }
  if (const auto ended = wait_for(*guest, WNOHANG)) return *ended;
  ::kill(*guest, SIGTERM);
  return wait_for(*guest).value_or(ExitCode::not_started);
}

auto debug_help() -> std::string {
  return "Run a Hermit kernel or image, with a debugger connected to it\n"
         "Usage: hermitage debug [--lldb] [OPTIONS] IMAGE [ARG...]\n\n"
         "Starts the guest as `hermitage run` does, connects gdb to it (or rust-gdb, if it is installed), and sets a "
         "temporary\nbreakpoint at `main`. The guest has no standard input, and is stopped when the debugger ends.\n\n"
         "Options:\n" +
         options_help({kLldbOption}) +
         "\nOPTIONS are those of `hermitage run`, except for --gdb, --gdb-port and --gdb-no-wait.\n"
         "Exit status: that of `hermitage run`; 125 also if the debugger is not installed.\n";
}

}  // namespace

auto describe_debug() -> CommandDescription {
  auto description = describe_run();
  std::erase_if(description.options, [](const OptionText& option) { return is_refused(option.name); });
  description.options.insert(description.options.begin(), kLldbOption);
  return description;
}

auto run_debug(const Words& words) -> ExitCode {
  const bool is_lldb = !words.empty() && words.front() == kLldb;
  const Words run_words{words.begin() + (is_lldb ? 1 : 0), words.end()};
  const auto options = parse_run_options(run_words);
  if (!options) return complain_of_usage("debug", options.error());
  if (options->wants_help) return print_or_complain(debug_help());
  if (options->gdb || options->gdb_no_wait) {
    return complain_of_usage("debug", "--gdb, --gdb-port and --gdb-no-wait are for `hermitage run`");
  }
  if (options->dry_run || options->image == "-") {
    return complain_of_usage("debug", "--dry-run, and an image on standard input, are for `hermitage run`");
  }
  return debug(is_lldb, *options, run_words);
}

}  // namespace hermitage::cli
