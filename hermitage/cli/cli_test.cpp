// Runs the program as its users do.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): posix_openpt
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include "hermitage/entry/format.hpp"
#include "hermitage/entry/kernel_object.hpp"
#include "testing/archives.hpp"
#include "testing/images.hpp"
#include "testing/kernels.hpp"

namespace hermitage::cli {
namespace {

using entry::Arch;
using entry::Endian;
using entry::Format;
using entry::ProblemCode;
using Json = nlohmann::ordered_json;
using testing::minimal_kernel;

using Arguments = std::vector<std::string>;
using Bytes = std::vector<std::byte>;

constexpr int kGood = 0;
constexpr int kSomeNot = 1;
constexpr int kUsage = 2;
constexpr int kNotStarted = 125;

// The engines that are built in; a file that is no kernel is refused before a host is looked at.
#if defined(__x86_64__)
constexpr const char* kEngines[] = {"kvm", "qemu"};
#else
constexpr const char* kEngines[] = {"qemu"};
#endif

struct Outcome {
  int status = 0;  // of the exit; 128 and more for a signal, as in a shell
  std::string out;
  std::string err;
};

// Where the program's standard streams lead; by default, from nothing, and into files that are read back.
struct Streams {
  std::string in = "/dev/null";
  std::optional<std::string> out = std::nullopt;
  std::optional<std::string> err = std::nullopt;
  bool closed_out = false;
  bool closed_err = false;
  Arguments environment = {"TERM=xterm", "LC_ALL=C.UTF-8"};
};

auto check(int error, const char* what) -> void {
  if (error != 0) throw std::system_error{error, std::generic_category(), what};
}

class FileActions {
 public:
  FileActions() { check(::posix_spawn_file_actions_init(&actions_), "file actions"); }
  FileActions(const FileActions&) = delete;
  auto operator=(const FileActions&) -> FileActions& = delete;
  ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }

  void open(int descriptor, const std::string& path, int flags) {
    check(::posix_spawn_file_actions_addopen(&actions_, descriptor, path.c_str(), flags, 0600), "addopen");
  }
  void duplicate(int from, int descriptor) {
    check(::posix_spawn_file_actions_adddup2(&actions_, from, descriptor), "adddup2");
  }
  void close(int descriptor) { check(::posix_spawn_file_actions_addclose(&actions_, descriptor), "addclose"); }

  [[nodiscard]] auto get() const -> const posix_spawn_file_actions_t* { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

// The environment of this process, with the variables of a display only if they are in `extra`.
constexpr std::string_view kDisplayVariables[] = {"TERM", "NO_COLOR", "COLUMNS", "LC_ALL", "LC_CTYPE", "LANG"};
auto environment_with(const Arguments& extra) -> Arguments {
  Arguments variables = extra;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text{*variable};
    const auto name = text.substr(0, text.find('='));
    if (std::ranges::find(kDisplayVariables, name) == std::end(kDisplayVariables)) variables.emplace_back(text);
  }
  return variables;
}

auto pointers_to(Arguments& texts) -> std::vector<char*> {
  std::vector<char*> pointers;
  for (auto& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

auto spawn(Arguments arguments, const FileActions& actions, const Arguments& environment) -> pid_t {
  arguments.insert(arguments.begin(), HERMITAGE_PROGRAM);
  auto variables = environment_with(environment);
  const auto argv = pointers_to(arguments);
  const auto envp = pointers_to(variables);
  pid_t child = 0;
  check(::posix_spawn(&child, HERMITAGE_PROGRAM, actions.get(), nullptr, argv.data(), envp.data()), HERMITAGE_PROGRAM);
  return child;
}

auto wait_for(pid_t child) -> int {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) check(errno, "waitpid");
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

auto read_text(const std::filesystem::path& path) -> std::string {
  const auto bytes = testing::read_bytes(path);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

auto lines_of(std::string_view text) -> std::vector<std::string> {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// A directory of its own for each test.
class CliTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto name = (std::filesystem::temp_directory_path() / "hermitage-cli-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) check(errno, "mkdtemp");
    directory_ = name;
  }

  void TearDown() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  [[nodiscard]] auto path(std::string_view name) const -> std::string { return (directory_ / name).string(); }

  // Writes a file, and gives back its path.
  [[nodiscard]] auto file(std::string_view name, std::span<const std::byte> bytes) const -> std::string {
    std::ofstream stream{directory_ / name, std::ios::binary};
    stream.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    if (!stream.flush()) throw std::runtime_error{"cannot write " + path(name)};
    return path(name);
  }
  [[nodiscard]] auto file(std::string_view name, std::string_view text) const -> std::string {
    return file(name, std::as_bytes(std::span{text}));
  }
  [[nodiscard]] auto file(std::string_view name, const testing::Elf& kernel) const -> std::string {
    return file(name, write(kernel));
  }

  [[nodiscard]] auto run(const Arguments& arguments, const Streams& streams = {}) const -> Outcome {
    const auto out_path = path(".out");
    const auto err_path = path(".err");
    constexpr int kWrite = O_WRONLY | O_CREAT | O_TRUNC;
    FileActions actions;
    actions.open(STDIN_FILENO, streams.in, O_RDONLY);
    actions.open(STDOUT_FILENO, streams.out.value_or(out_path), kWrite);
    actions.open(STDERR_FILENO, streams.err.value_or(err_path), kWrite);
    if (streams.closed_out) actions.close(STDOUT_FILENO);
    if (streams.closed_err) actions.close(STDERR_FILENO);
    Outcome outcome;
    outcome.status = wait_for(spawn(arguments, actions, streams.environment));
    if (!streams.out) outcome.out = read_text(out_path);
    if (!streams.err) outcome.err = read_text(err_path);
    return outcome;
  }

  // With a terminal as standard output.
  [[nodiscard]] auto run_on_terminal(const Arguments& arguments, const Arguments& environment,
                                     unsigned short columns = 0) const -> std::string {
    const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal < 0 || ::grantpt(terminal) != 0 || ::unlockpt(terminal) != 0) return {};
    const int other_end = ::open(::ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
    const winsize size{.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    if (::ioctl(other_end, TIOCSWINSZ, &size) != 0) check(errno, "TIOCSWINSZ");
    FileActions actions;
    actions.open(STDIN_FILENO, "/dev/null", O_RDONLY);
    actions.duplicate(other_end, STDOUT_FILENO);
    const auto child = spawn(arguments, actions, environment);
    ::close(other_end);
    std::string text;
    std::array<char, 4096> buffer{};
    for (;;) {
      // Ends with EIO once the program is gone.
      const auto count = ::read(terminal, buffer.data(), buffer.size());
      if (count <= 0) break;
      text.append(buffer.data(), static_cast<std::size_t>(count));
    }
    wait_for(child);
    ::close(terminal);
    return text;
  }

 private:
  std::filesystem::path directory_;
};

auto x86_64_kernel() -> testing::Elf {
  return minimal_kernel(Arch::x86_64, Endian::little, true);
}
auto fixed_kernel() -> testing::Elf {
  return minimal_kernel(Arch::aarch64, Endian::big, false);
}

void expect_no_control_characters(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool is_c1 = byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    ASSERT_TRUE((byte >= 0x20 || byte == '\n') && byte != 0x7f && !is_c1)
        << "byte " << static_cast<unsigned>(byte) << " at " << i;
  }
}

// One line on standard error, which says this.
void expect_complaint(const Outcome& outcome, int status, std::string_view message) {
  EXPECT_EQ(outcome.status, status) << outcome.err;
  EXPECT_TRUE(outcome.err.starts_with("hermitage: ")) << outcome.err;
  EXPECT_TRUE(outcome.err.ends_with('\n')) << outcome.err;
  EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
  EXPECT_TRUE(outcome.err.contains(message)) << outcome.err << "does not say: " << message;
  expect_no_control_characters(outcome.err);
}

void expect_good(const Outcome& outcome) {
  EXPECT_EQ(outcome.status, kGood) << outcome.err;
  EXPECT_EQ(outcome.err, "");
}

auto message_of(const entry::Problem& problem) -> std::string {
  return std::string{problem.message().view()};
}

constexpr std::string_view kGarbage = "garbage, and more of it";

auto not_elf(entry::Format format) -> entry::Problem {
  return {.code = ProblemCode::not_elf, .found = static_cast<std::uint64_t>(format)};
}

// ---- The program

TEST_F(CliTest, PrintsHelp) {
  for (const Arguments& arguments : {Arguments{"--help"}, Arguments{"-h"}}) {
    const auto outcome = run(arguments);
    expect_good(outcome);
    for (const auto* word : {"hermitage", "image", "inspect", "load", "--version", "Exit status"}) {
      EXPECT_TRUE(outcome.out.contains(word)) << word;
    }
    EXPECT_TRUE(outcome.out.ends_with('\n'));
  }
  for (const Arguments& arguments : {Arguments{"inspect", "--help"}, Arguments{"inspect", "-h"}}) {
    const auto outcome = run(arguments);
    expect_good(outcome);
    for (const auto* word : {"FILE", "-i", "--kernel-path", "--json", "--all", "--segments", "--notes", "--relocations",
                             "--symbols", "--svg", "--sizes", "--by", "--treemap", "--diff", "Exit status"}) {
      EXPECT_TRUE(outcome.out.contains(word)) << word;
    }
  }
  for (const Arguments& arguments : {Arguments{"load", "--help"}, Arguments{"load", "-h"}}) {
    const auto outcome = run(arguments);
    expect_good(outcome);
    for (const auto* word : {"FILE", "--start-addr", "-o", "--output", "--json", "Exit status"}) {
      EXPECT_TRUE(outcome.out.contains(word)) << word;
    }
  }
}

TEST_F(CliTest, PrintsItsVersion) {
  const auto outcome = run({"--version"});
  expect_good(outcome);
  EXPECT_TRUE(outcome.out.starts_with("hermitage ")) << outcome.out;
  EXPECT_TRUE(outcome.out.ends_with('\n')) << outcome.out;
  const std::string_view version{outcome.out.data() + 10, outcome.out.size() - 11};
  EXPECT_TRUE(entry::HermitVersion::parse(version)) << "three numbers: " << version;
}

TEST_F(CliTest, WrongUsageIsOneLine) {
  const auto kernel = file("kernel", x86_64_kernel());
  struct Case {
    Arguments arguments;
    std::string_view message;
  };
  const Case cases[] = {
      {{"frobnicate"}, "unknown command 'frobnicate'; see hermitage --help"},
      {{"isnpect", kernel}, "unknown command 'isnpect' (did you mean inspect?)"},
      {{"image", "creat"}, "unknown command 'creat' (did you mean create?)"},
      {{"inspect", "--segment", kernel}, "unknown option '--segment' (did you mean --segments?)"},
      {{"help", "frobnicate"}, "unknown command 'frobnicate'"},
      {{"help", "image", "frobnicate"}, "unknown command 'frobnicate'; see hermitage image --help"},
      {{"help", "--all"}, "unknown option '--all'; see hermitage help --help"},
      {{"--frobnicate"}, "--frobnicate"},
      {{"-x"}, "-x"},
      {{kernel}, "see hermitage --help"},
      {{"inspect"}, "FILE"},
      {{"inspect", "--json"}, "FILE"},
      {{"inspect", "--frobnicate", kernel}, "--frobnicate"},
      {{"inspect", kernel, "-x"}, "-x"},
      {{"inspect", kernel, "-i"}, "--kernel-path"},
      {{"inspect", kernel, "--svg"}, "--svg"},
      {{"inspect", kernel, "--svg", "a.svg", "--svg", "b.svg"}, "--svg"},
      {{"inspect", kernel, "--json=perhaps"}, "--json"},
      {{"inspect", kernel, kernel, "--svg", path("a.svg")}, "--svg"},
      {{"inspect", kernel, "-i", kernel, "--svg", path("a.svg")}, "--svg"},
      {{"inspect", kernel, kernel, "--treemap", path("a.svg")}, "--treemap"},
      {{"inspect", kernel, "--svg", "-", "--treemap", "-"}, "--treemap"},
      {{"inspect", kernel, "--by", "crate"}, "--by"},
      {{"inspect", kernel, "--diff"}, "--diff"},
      {{"inspect", kernel, kernel, kernel, "--diff"}, "--diff"},
      {{"inspect", kernel, kernel, "--diff", "--sizes"}, "--diff"},
      {{"inspect", kernel, kernel, "--diff", "--svg", path("a.svg")}, "--svg"},
      {{"inspect", kernel, "--sizes", "--by", "room"}, "not one of crate, function, file and segment"},
      {{"inspect", kernel, "--sizes", "--by", "crate", "--by", "file"}, "--by"},
      {{"load"}, "FILE"},
      {{"load", "--json"}, "FILE"},
      {{"load", kernel, kernel}, kernel},
      {{"load", kernel, "--frobnicate"}, "--frobnicate"},
      {{"load", kernel, "--all"}, "--all"},
      {{"load", kernel, "--start-addr"}, "--start-addr"},
      {{"load", kernel, "-o"}, "--output"},
      {{"load", kernel, "-o", path("a"), "-o", path("b")}, "--output"},
      {{"load", kernel, "--start-addr", "1M", "--start-addr", "2M"}, "--start-addr"},
      {{"image"}, "see hermitage image --help"},
      {{"image", "frobnicate"}, "see hermitage image --help"},
      {{"image", "list"}, "see hermitage image list --help"},
      {{"image", "list", kernel, kernel}, kernel},
      {{"image", "extract", kernel}, "DIR"},
      {{"image", "check"}, "IMAGE"},
      {{"image", "check", kernel, "--max-size", "much"}, "--max-size 'much': not a size"},
      {{"image", "create", "--kernel", kernel}, "--output"},
      {{"image", "create", "-o", path("a")}, "nothing to pack"},
      {{"image", "create", "-o", path("a"), "--kernel", kernel, "--config", kernel}, "--config"},
      {{"image", "create", "-o", path("a"), "--app-arg", "x", path(".")}, "need --kernel"},
      {{"image", "create", "-o", path("a"), "--kernel", kernel, "--memory", "much"}, "--memory 'much': not a size"},
      {{"image", "create", "-o", path("a"), "--kernel", kernel, "--env", "X"}, "--env 'X': not of the form KEY=VALUE"},
      {{"image", "create", "-o", path("a"), "--kernel", kernel, "--cpus", "-1"}, "--cpus"},
      {{"image", "create", "-o", path("a"), "--kernel", kernel, "--app-arg"}, "--app-arg"},
  };
  for (const auto& [arguments, message] : cases) {
    const auto outcome = run(arguments);
    SCOPED_TRACE(outcome.err);
    expect_complaint(outcome, kUsage, message);
    EXPECT_EQ(outcome.out, "");
  }
  EXPECT_FALSE(std::filesystem::exists(path("a.svg")));
  EXPECT_FALSE(std::filesystem::exists(path("a")));
}

TEST_F(CliTest, SaysWhichHelpToSee) {
  EXPECT_TRUE(run({"inspect", "--frobnicate"}).err.ends_with("see hermitage inspect --help\n"));
  EXPECT_TRUE(run({"load"}).err.ends_with("see hermitage load --help\n"));
  EXPECT_TRUE(run({"--frobnicate"}).err.ends_with("see hermitage --help\n"));
}

TEST_F(CliTest, ShowsTheFirstStepsWithoutArguments) {
  const auto outcome = run({});
  EXPECT_EQ(outcome.status, kUsage);
  EXPECT_EQ(outcome.out, "");
  for (const auto* line : {"\n  hermitage doctor\n", "\n  hermitage run ", "\n  hermitage inspect ",
                           "\n  hermitage image create ", "hermitage --help"}) {
    EXPECT_TRUE(outcome.err.contains(line)) << line;
  }
}

TEST_F(CliTest, HelpsWithACommand) {
  const Arguments commands[] = {{},          {"debug"}, {"doctor"}, {"help"},    {"image"}, {"image", "create"},
                                {"inspect"}, {"load"},  {"run"},    {"snapshot"}};
  for (const auto& command : commands) {
    Arguments help{"help"};
    help.insert(help.end(), command.begin(), command.end());
    Arguments option{command};
    option.emplace_back("--help");
    const auto outcome = run(help);
    expect_good(outcome);
    EXPECT_EQ(outcome.out, run(option).out);
    EXPECT_TRUE(outcome.out.contains("Usage: hermitage")) << outcome.out;
  }
}

TEST_F(CliTest, DebugsOnlyWhatItStartsItself) {
  struct Case {
    Arguments arguments;
    const char* message;
  };
  const Case cases[] = {{{"debug"}, "missing operand IMAGE"},
                        {{"debug", "--gdb-port", "1234", "image"}, "are for `hermitage run`"},
                        {{"debug", "--lldb", "--gdb-no-wait", "image"}, "are for `hermitage run`"},
                        {{"debug", "-"}, "are for `hermitage run`"}};
  for (const auto& [arguments, message] : cases) {
    const auto outcome = run(arguments);
    EXPECT_EQ(outcome.status, kUsage);
    EXPECT_TRUE(outcome.err.contains(message)) << outcome.err;
  }
}

// ---- Files that cannot be read, or are no kernels

TEST_F(CliTest, FilesThatCannotBeReadAreOneLineEach) {
  const auto missing = path("missing");
  const auto directory = path("directory");
  std::filesystem::create_directory(directory);
  const auto large = file("large", "");
  std::filesystem::resize_file(large, (std::uintmax_t{1} << 30) + 1);
  struct Case {
    std::string name;
    std::string message;
  };
  const Case cases[] = {
      {missing, missing + ": No such file or directory"},
      {missing + "/below", "No such file or directory"},
      {directory, directory + ": is a directory"},
      {large, large + ": larger than the limit of 1 GiB"},
  };
  for (const auto* command : {"inspect", "load"}) {
    for (const auto& [name, message] : cases) {
      const auto outcome = run({command, name});
      expect_complaint(outcome, kUsage, message);
      EXPECT_EQ(outcome.out, "");
      expect_complaint(run({command, "--json", name}), kUsage, message);
    }
  }
}

TEST_F(CliTest, AGuestThatCannotBeReadIsNamedOnce) {
  const auto missing = path("missing");
  for (const auto* engine : kEngines) {
    const auto outcome = run({"run", "--engine", engine, missing});
    expect_complaint(outcome, kNotStarted, "No such file or directory");
    EXPECT_TRUE(outcome.err.starts_with("hermitage: " + missing + ": ")) << outcome.err;
    EXPECT_EQ(outcome.err.find(missing), outcome.err.rfind(missing)) << outcome.err;
  }
}

TEST_F(CliTest, AnEmptyNameIsOfNoFile) {
  expect_complaint(run({"inspect", ""}), kUsage, "No such file or directory");
  expect_complaint(run({"load", ""}), kUsage, "No such file or directory");
}

TEST_F(CliTest, FilesOfOthersAreOneLineEach) {
  if (::geteuid() == 0) GTEST_SKIP() << "root reads everything";
  const auto kernel = file("kernel", x86_64_kernel());
  std::filesystem::permissions(kernel, std::filesystem::perms::none);
  for (const auto* command : {"inspect", "load"}) expect_complaint(run({command, kernel}), kUsage, "Permission denied");
}

TEST_F(CliTest, FilesThatAreNoKernelsAreOneLineEach) {
  auto no_hermit = x86_64_kernel();
  no_hermit.notes = {testing::uhyve_note(2)};
  auto old_version = x86_64_kernel();
  old_version.notes = {testing::hermit_note(3)};
  const auto whole = write(x86_64_kernel());
  struct Case {
    std::string name;
    entry::Problem problem;
  };
  const Case cases[] = {
      {file("empty", ""), not_elf(Format::empty)},
      {file("garbage", kGarbage), not_elf(Format::text)},
      {file("noise", "\x01\x02\x03\x04\x05"), not_elf(Format::unknown)},
      {file("lfs", "version https://git-lfs.github.com/spec/v1\n"), not_elf(Format::git_lfs_pointer)},
      {file("cut", std::span{whole}.first(63)), {.code = ProblemCode::truncated_header, .expected = 64, .found = 63}},
      {file("no_hermit", no_hermit), {.code = ProblemCode::no_hermit_note}},
      {file("old", old_version), {.code = ProblemCode::entry_version, .expected = 4, .found = 3}},
  };
  for (const auto& [name, problem] : cases) {
    for (const auto* command : {"inspect", "load"}) {
      const auto outcome = run({command, name});
      expect_complaint(outcome, kSomeNot, name);
      EXPECT_EQ(outcome.err, "hermitage: " + name + ": cannot be loaded: " + message_of(problem) + "\n");
    }
    const auto inspected = run({"inspect", name});
    EXPECT_TRUE(inspected.out.contains("Loadable: no\n")) << inspected.out;
    EXPECT_EQ(run({"load", name}).out, "");
    const auto json = run({"inspect", "--json", name});
    expect_complaint(json, kSomeNot, message_of(problem));
    EXPECT_EQ(Json::parse(json.out)["loadable"], false);
  }
}

TEST_F(CliTest, SaysWhatAFileIsThatIsNoKernel) {
  const auto packed_kernel = file("kernel.gz", testing::gzip(write(x86_64_kernel())));
  const auto xz = file("image.tar.xz", std::string_view{"\xfd"
                                                        "7zXZ\0\0\x04",
                                                        8});
  struct Case {
    std::string name;
    std::string_view format;
    std::string_view message;
  };
  const Case cases[] = {
      {packed_kernel, "gzip_elf", "is an ELF file in gzip data, not a Hermit image; unpack it with gunzip"},
      {xz, "xz", "xz data, not"},
      {file("lfs", "version https://git-lfs.github.com/spec/v1\n"), "git_lfs_pointer", "run git lfs pull"},
      {file("page", "<!doctype html><title>404</title>"), "html", "an HTML page, not"},
  };
  for (const auto& [name, format, message] : cases) {
    const auto inspected = run({"inspect", "--json", name});
    expect_complaint(inspected, kSomeNot, message);
    EXPECT_EQ(Json::parse(inspected.out)["format"], format);
    expect_complaint(run({"load", name}), kSomeNot, message);
    expect_complaint(run({"image", "check", name}), kSomeNot, message);
  }
  for (const auto* engine : kEngines) {
    expect_complaint(run({"run", "--engine", engine, packed_kernel}), kNotStarted, cases[0].message);
    expect_complaint(run({"run", "--engine", engine, cases[2].name}), kNotStarted,
                     "is a Git LFS pointer, neither a Hermit kernel nor a Hermit image; run git lfs pull");
  }
}

// ---- inspect

TEST_F(CliTest, InspectsAKernel) {
  const auto outcome = run({"inspect", file("kernel", x86_64_kernel())});
  expect_good(outcome);
  EXPECT_TRUE(outcome.out.starts_with("Version: 0.11.0\nMemory Size: 22528 (22 KiB)\nStart Address: any\n"))
      << outcome.out;
  for (const auto* word : {"\nSegments\n", "\nNotes\n", "\nRelocations and symbols\n", "\nLoadable: yes\n",
                           "\nMemory map: 22 KiB", "hermit::arch::start::_start"}) {
    EXPECT_TRUE(outcome.out.contains(word)) << word;
  }
  EXPECT_FALSE(outcome.out.contains('\x1b'));
  EXPECT_TRUE(outcome.out.ends_with('\n'));
}

TEST_F(CliTest, InspectsSeveralFilesUnderTheirNames) {
  const auto kernel = file("kernel", x86_64_kernel());
  const auto fixed = file("fixed", fixed_kernel());
  const auto garbage = file("garbage", kGarbage);
  const auto good = run({"inspect", kernel, fixed});
  expect_good(good);
  EXPECT_EQ(good.out,
            kernel + ":\n" + run({"inspect", kernel}).out + "\n" + fixed + ":\n" + run({"inspect", fixed}).out);

  const auto some_not = run({"inspect", garbage, kernel});
  expect_complaint(some_not, kSomeNot, garbage);
  EXPECT_TRUE(some_not.out.contains(kernel + ":\nVersion: 0.11.0\n")) << some_not.out;

  // The worst counts, and what can be read is shown all the same.
  const auto missing = run({"inspect", garbage, path("missing"), kernel});
  EXPECT_EQ(missing.status, kUsage);
  const auto complaints = lines_of(missing.err);
  ASSERT_EQ(complaints.size(), 2U) << missing.err;
  EXPECT_EQ(complaints[0], "hermitage: " + path("missing") + ": No such file or directory");
  EXPECT_EQ(complaints[1], "hermitage: " + garbage + ": cannot be loaded: " + message_of(not_elf(Format::text)));
  EXPECT_EQ(missing.out, some_not.out);
}

TEST_F(CliTest, FilesCanBeNamedByAnOption) {
  const auto kernel = file("kernel", x86_64_kernel());
  const auto fixed = file("fixed", fixed_kernel());
  const auto expected = run({"inspect", kernel});
  for (const Arguments& arguments : {Arguments{"inspect", "-i", kernel}, Arguments{"inspect", "--kernel-path", kernel},
                                     Arguments{"inspect", "--kernel-path=" + kernel}}) {
    const auto outcome = run(arguments);
    expect_good(outcome);
    EXPECT_EQ(outcome.out, expected.out);
  }
  // Those come first, and each option takes one file.
  const auto in_order = run({"inspect", kernel, fixed, kernel}).out;
  EXPECT_EQ(run({"inspect", "-i", kernel, "-i", fixed, kernel}).out, in_order);
  EXPECT_EQ(run({"inspect", kernel, "-i", kernel, "--kernel-path", fixed}).out, in_order);
}

TEST_F(CliTest, InspectsStandardInput) {
  const auto kernel = file("kernel", x86_64_kernel());
  const auto outcome = run({"inspect", "-"}, {.in = kernel});
  expect_good(outcome);
  EXPECT_EQ(outcome.out, run({"inspect", kernel}).out);
  EXPECT_EQ(Json::parse(run({"inspect", "--json", "-"}, {.in = kernel}).out)["file"], "-");
  expect_complaint(run({"inspect", "-"}), kSomeNot,
                   "hermitage: -: cannot be loaded: " + message_of(not_elf(Format::empty)));
  expect_complaint(run({"inspect", "-"}, {.in = path(".")}), kUsage, "hermitage: -: is a directory");
  // The file of that name is another one.
  const auto fixed = file("fixed", fixed_kernel());
  EXPECT_TRUE(run({"inspect", "-", fixed}, {.in = kernel}).out.starts_with("-:\nVersion"));
}

TEST_F(CliTest, FilesMayHaveOddNames) {
  const auto kernel = file("--json", x86_64_kernel());
  EXPECT_TRUE(run({"inspect", kernel}).out.starts_with("Version: 0.11.0\n"));
  expect_complaint(run({"inspect", "--", "--json"}), kUsage, "hermitage: --json: No such file or directory");
  expect_good(run({"inspect", file("two words & <more> \"'$;", x86_64_kernel())}));
}

TEST_F(CliTest, ReadsPipesAndFilesWithoutASize) {
  const auto fifo = path("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  // More than a pipe holds at once, and more than the first guess at its size.
  auto kernel = x86_64_kernel();
  kernel.segments[1].bytes.resize(300'000);
  kernel.segments[1].memsz.reset();
  const auto bytes = write(kernel);
  const auto writer = ::fork();
  if (writer == 0) {
    const int descriptor = ::open(fifo.c_str(), O_WRONLY);
    auto rest = std::span{bytes};
    while (!rest.empty()) {
      const auto count = ::write(descriptor, rest.data(), rest.size());
      if (count <= 0) break;
      rest = rest.subspan(static_cast<std::size_t>(count));
    }
    ::_exit(0);
  }
  const auto outcome = run({"inspect", fifo});
  wait_for(writer);
  expect_good(outcome);
  EXPECT_EQ(outcome.out, run({"inspect", file("kernel", bytes)}).out);
}

TEST_F(CliTest, ShowsOnlyThePartsThatAreAskedFor) {
  const auto kernel = file("kernel", x86_64_kernel());
  struct Case {
    std::string option;
    std::string_view heading;
  };
  const Case cases[] = {{"--segments", "Segments\n"},
                        {"--notes", "Notes\n"},
                        {"--relocations", "Relocations: 8\n"},
                        {"--symbols", "Symbols: 3 and 1 dynamic\n"}};
  std::string all;
  Arguments options{"inspect", kernel};
  for (const auto& [option, heading] : cases) {
    const auto outcome = run({"inspect", option, kernel});
    expect_good(outcome);
    EXPECT_TRUE(outcome.out.starts_with(heading)) << outcome.out;
    for (const auto& other : cases) {
      EXPECT_EQ(outcome.out.contains(other.heading), other.option == option) << option << ' ' << other.option;
    }
    EXPECT_FALSE(outcome.out.contains("Version"));
    all += (all.empty() ? "" : "\n") + outcome.out;
    // In whatever order they are asked for.
    options.insert(options.begin() + 1, option);
  }
  EXPECT_EQ(run(options).out, all);
}

TEST_F(CliTest, ShowsLongListsInFull) {
  auto kernel = x86_64_kernel();
  kernel.relocations.clear();
  for (std::uint64_t i = 0; i < 100; ++i) {
    kernel.relocations.push_back({.offset = 0x4000 + 8 * i, .type = 8, .addend = i});
    kernel.symbols.push_back({.name = "symbol_" + std::to_string(i), .value = i});
  }
  for (auto& segment : kernel.segments) segment.vaddr += 0x10000;
  kernel.entry_point += 0x10000;
  kernel.tls->vaddr += 0x10000;
  for (auto& rela : kernel.relocations) rela.offset += 0x10000;
  kernel.extra_segments.assign(30, kernel.extra_segments[0]);
  const auto name = file("kernel", kernel);
  const auto count = [](const std::string& text, std::string_view word) {
    return std::ranges::count_if(lines_of(text), [word](const std::string& line) { return line.contains(word); });
  };
  EXPECT_EQ(count(run({"inspect", "--relocations", name}).out, "R_X86_64_RELATIVE"), 100);
  EXPECT_EQ(count(run({"inspect", "--symbols", name}).out, "symbol_"), 100);
  EXPECT_EQ(count(run({"inspect", "--segments", name}).out, "PT_GNU_STACK"), 30);
  const auto all = run({"inspect", "--all", name}).out;
  EXPECT_EQ(count(all, "R_X86_64_RELATIVE"), 101);  // and how many there are
  EXPECT_EQ(count(all, "symbol_"), 100);
  EXPECT_EQ(count(all, "PT_GNU_STACK"), 30);
  EXPECT_EQ(count(all, "more: see"), 0);
}

TEST_F(CliTest, ShowsEverything) {
  const auto kernel = file("kernel", x86_64_kernel());
  const auto outcome = run({"inspect", "--all", kernel});
  expect_good(outcome);
  EXPECT_TRUE(outcome.out.starts_with("Version: 0.11.0\n"));
  std::size_t at = 0;
  for (const auto* heading : {"\nSegments\n", "\nNotes\n", "\nLoadable: yes\n",
                              "\nMemory map: ", "\nSections: ", "\nDynamic section: ", "\nLoad plan at 0x40000",
                              "\nRelocations: 8\n", "\nSymbols: 3 and 1 dynamic\n"}) {
    const auto found = outcome.out.find(heading);
    ASSERT_NE(found, std::string::npos) << heading;
    EXPECT_GT(found, at) << heading;
    at = found;
    EXPECT_EQ(outcome.out.find(heading, found + 1), std::string::npos) << heading << " twice";
  }
  EXPECT_EQ(run({"inspect", "--all", "--notes", "--symbols", "--segments", kernel}).out, outcome.out);
}

// What docs/inspect.md says of each key: s string, i integer that is not negative, b boolean, o object, a array;
// ? may be null.
struct Key {
  std::string_view name;
  std::string_view type;
};
using Keys = std::vector<Key>;

auto is_of_type(const Json& value, std::string_view type) -> bool {
  if (type.ends_with('?') && value.is_null()) return true;
  switch (type.front()) {
    case 's': return value.is_string();
    case 'i': return value.is_number_unsigned();
    case 'b': return value.is_boolean();
    case 'o': return value.is_object();
    case 'a': return value.is_array();
    default: return value.is_number_integer();
  }
}

// That the object has exactly these keys.
void expect_keys(const Json& object, const Keys& keys) {
  ASSERT_TRUE(object.is_object()) << object;
  EXPECT_EQ(object.size(), keys.size()) << object;
  for (const auto& [name, type] : keys) {
    ASSERT_TRUE(object.contains(name)) << name << " is not in " << object;
    EXPECT_TRUE(is_of_type(object[std::string{name}], type)) << name << ": " << object[std::string{name}];
  }
}

void expect_all_keys(const Json& array, const Keys& keys) {
  ASSERT_TRUE(array.is_array()) << array;
  for (const auto& object : array) expect_keys(object, keys);
}

auto inspect_keys(bool with_all, bool with_plan) -> Keys {
  Keys keys{{"file", "s"},
            {"format", "s"},
            {"config", "o?"},
            {"arch", "s?"},
            {"endian", "s?"},
            {"relocatable", "b?"},
            {"hermit_version", "s?"},
            {"entry_version", "i?"},
            {"uhyve_interface_version", "i?"},
            {"mem_size", "i?"},
            {"start_addr", "i?"},
            {"entry_point", "i?"},
            {"entry_symbol", "s?"},
            {"tls", "o?"},
            {"boot_protocols", "a"},
            {"segments", "a"},
            {"notes", "a"},
            {"relocations", "o"},
            {"symbols", "o"},
            {"loadable", "b"},
            {"problems", "a"}};
  if (with_all) keys.insert(keys.end(), {{"sections", "a"}, {"dynamic", "a"}});
  if (with_plan) keys.push_back({"load_plan", "o"});
  return keys;
}

const Keys kTlsKeys{{"start", "i"}, {"filesz", "i"}, {"memsz", "i"}, {"align", "i"}};

// That a report has the documented keys, all the way down.
void expect_documented(const Json& report, bool with_all) {
  const bool is_loadable = report["loadable"] == true;
  expect_keys(report, inspect_keys(with_all, with_all && is_loadable));
  if (!report["tls"].is_null()) expect_keys(report["tls"], kTlsKeys);
  for (const auto& protocol : report["boot_protocols"]) EXPECT_TRUE(protocol.is_string());
  expect_all_keys(report["segments"], {{"type", "s"},
                                       {"offset", "i"},
                                       {"vaddr", "i"},
                                       {"filesz", "i"},
                                       {"memsz", "i"},
                                       {"flags", "s"},
                                       {"align", "i"}});
  expect_all_keys(report["notes"], {{"name", "s"}, {"type", "i"}, {"desc", "s"}, {"offset", "i"}, {"truncated", "b"}});
  expect_all_keys(report["problems"], {{"severity", "s"}, {"code", "s"}, {"message", "s"}, {"offset", "i?"}});
  Keys relocations{{"total", "i"}, {"by_type", "o"}};
  Keys symbols{{"total", "i"}, {"dynamic", "i"}, {"table", "i"}};
  if (with_all) {
    relocations.push_back({"entries", "a"});
    symbols.push_back({"entries", "a"});
  }
  expect_keys(report["relocations"], relocations);
  expect_keys(report["symbols"], symbols);
  for (const auto& [type, count] : report["relocations"]["by_type"].items()) EXPECT_TRUE(count.is_number_unsigned());
  if (!with_all) return;
  expect_all_keys(
      report["relocations"]["entries"],
      {{"offset", "i"}, {"type", "s"}, {"symbol", "i"}, {"symbol_name", "s"}, {"addend", "n"}, {"truncated", "b"}});
  expect_all_keys(report["symbols"]["entries"], {{"value", "i"},
                                                 {"size", "i"},
                                                 {"name", "s"},
                                                 {"demangled", "s"},
                                                 {"dynamic", "b"},
                                                 {"undefined", "b"},
                                                 {"weak", "b"},
                                                 {"truncated", "b"}});
  expect_all_keys(report["sections"], {{"name", "s"},
                                       {"type", "i"},
                                       {"flags", "i"},
                                       {"addr", "i"},
                                       {"offset", "i"},
                                       {"size", "i"},
                                       {"link", "i"},
                                       {"info", "i"},
                                       {"addralign", "i"},
                                       {"entsize", "i"},
                                       {"truncated", "b"}});
  expect_all_keys(report["dynamic"], {{"tag", "i"}, {"value", "i"}});
  if (!is_loadable) return;
  expect_keys(report["load_plan"], {{"start_addr", "i"}, {"page_size", "i"}, {"steps", "a"}});
  expect_all_keys(report["load_plan"]["steps"], {{"action", "s"},
                                                 {"memory_offset", "i"},
                                                 {"size", "i"},
                                                 {"file_offset", "i?"},
                                                 {"flags", "s"},
                                                 {"relocated_pages", "i"}});
}

TEST_F(CliTest, InspectsOneFileAsAnObject) {
  const auto kernel = file("kernel", x86_64_kernel());
  const auto outcome = run({"inspect", "--json", kernel});
  expect_good(outcome);
  EXPECT_TRUE(outcome.out.ends_with("}\n"));
  const auto json = Json::parse(outcome.out);
  expect_documented(json, false);
  EXPECT_EQ(json["file"], kernel);
  EXPECT_EQ(json["arch"], "x86_64");
  EXPECT_EQ(json["mem_size"], 22528);
  expect_documented(Json::parse(run({"inspect", "--json", "--all", kernel}).out), true);
  // Options of parts add lists, or nothing.
  EXPECT_EQ(run({"inspect", "--json", "--segments", "--notes", kernel}).out, outcome.out);
  const auto relocations = Json::parse(run({"inspect", "--json", "--relocations", kernel}).out);
  EXPECT_EQ(relocations["relocations"]["entries"].size(), 8U);
  EXPECT_FALSE(relocations["symbols"].contains("entries"));
  const auto symbols = Json::parse(run({"inspect", "--json", "--symbols", kernel}).out);
  EXPECT_EQ(symbols["symbols"]["entries"].size(), 4U);
  EXPECT_FALSE(symbols["relocations"].contains("entries"));
}

TEST_F(CliTest, InspectsSeveralFilesAsAnArray) {
  const auto kernel = file("kernel", x86_64_kernel());
  const auto fixed = file("fixed", fixed_kernel());
  const auto outcome = run({"inspect", "--json", kernel, fixed});
  expect_good(outcome);
  const auto json = Json::parse(outcome.out);
  ASSERT_EQ(json.size(), 2U);
  EXPECT_EQ(json[0], Json::parse(run({"inspect", "--json", kernel}).out));
  EXPECT_EQ(json[1], Json::parse(run({"inspect", "--json", fixed}).out));
  // Of several, without those that cannot be read; still an array.
  const auto some = run({"inspect", "--json", path("missing"), kernel});
  expect_complaint(some, kUsage, "missing");
  EXPECT_EQ(Json::parse(some.out), Json::array({json[0]}));
  const auto none = run({"inspect", "--json", path("missing"), path("absent")});
  EXPECT_EQ(none.status, kUsage);
  EXPECT_EQ(Json::parse(none.out), Json::array());
}

TEST_F(CliTest, InspectsEverySample) {
  const auto samples = testing::sample_kernels();
  Arguments arguments{"inspect", "--json", "--all"};
  std::size_t broken = 0;
  for (const auto& sample : samples) {
    arguments.push_back(file(sample.name, sample.bytes));
    if (!sample.loadable) ++broken;
  }
  const auto outcome = run(arguments);
  EXPECT_EQ(outcome.status, kSomeNot);
  const auto complaints = lines_of(outcome.err);
  EXPECT_EQ(complaints.size(), broken);
  for (const auto& line : complaints) EXPECT_TRUE(line.starts_with("hermitage: " + path(""))) << line;
  const auto json = Json::parse(outcome.out);
  ASSERT_EQ(json.size(), samples.size());
  for (std::size_t i = 0; i < samples.size(); ++i) {
    SCOPED_TRACE(samples[i].name);
    EXPECT_EQ(json[i]["loadable"], samples[i].loadable);
    expect_documented(json[i], true);
  }
  arguments.erase(arguments.begin() + 1);
  const auto text = run(arguments);
  EXPECT_EQ(text.status, kSomeNot);
  expect_no_control_characters(text.out);
  EXPECT_EQ(text.err, outcome.err);
}

// ---- inspect on displays

// The number of characters in the longest line of the memory map.
auto map_width(std::string_view text) -> std::size_t {
  std::size_t longest = 0;
  for (const auto& line : lines_of(text.substr(std::min(text.find("Memory map: "), text.size())))) {
    const auto begins = [](char c) { return c != '\r' && (static_cast<unsigned char>(c) & 0xc0) != 0x80; };
    longest = std::max(longest, static_cast<std::size_t>(std::ranges::count_if(line, begins)));
  }
  return longest;
}

auto is_ascii(std::string_view text) -> bool {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

TEST_F(CliTest, TheMemoryMapFitsTheTerminal) {
  const Arguments arguments{"inspect", file("kernel", x86_64_kernel())};
  const auto width_with = [&](unsigned short columns, const Arguments& environment) {
    return map_width(run_on_terminal(arguments, environment, columns));
  };
  constexpr unsigned short kColumns[] = {60, 80, 100, 200};
  for (const auto columns : kColumns) EXPECT_EQ(width_with(columns, {"LANG=C.UTF-8"}), columns);
  EXPECT_EQ(width_with(100, {"COLUMNS=60"}), 60U);
  EXPECT_EQ(width_with(100, {"COLUMNS=none"}), 100U);
  EXPECT_EQ(width_with(0, {}), 80U) << "a terminal without a size";
}

TEST_F(CliTest, TheMemoryMapInAFileHas80Columns) {
  const Arguments arguments{"inspect", file("kernel", x86_64_kernel())};
  EXPECT_EQ(map_width(run(arguments).out), 80U);
  EXPECT_EQ(map_width(run(arguments, {.environment = {"COLUMNS=60"}}).out), 60U);
}

TEST_F(CliTest, TheLocaleSelectsTheCharacters) {
  const auto kernel = file("kernel", x86_64_kernel());
  const auto other = file("other", fixed_kernel());
  for (const Arguments& arguments : {Arguments{"inspect", kernel}, Arguments{"inspect", "--all", kernel},
                                     Arguments{"inspect", "--diff", kernel, other}}) {
    for (const auto* const locale : {"LC_ALL=C", "LC_ALL=POSIX", "LANG=en_GB.ISO-8859-1", "LC_ALL="}) {
      const auto outcome = run(arguments, {.environment = {locale}});
      expect_good(outcome);
      EXPECT_TRUE(is_ascii(outcome.out)) << locale << '\n' << outcome.out;
    }
    EXPECT_FALSE(is_ascii(run(arguments, {.environment = {"LANG=en_GB.utf8"}}).out));
  }
  const auto text = run_on_terminal({"inspect", kernel}, {"LC_ALL=C"}, 60);
  EXPECT_TRUE(is_ascii(text) && text.contains("(# file, . zeros)")) << text;
}

// ---- inspect --svg

TEST_F(CliTest, DrawsAPicture) {
  const auto kernel = file("kernel", x86_64_kernel());
  const auto svg = file("map.svg", std::string(100'000, 'x'));
  const auto outcome = run({"inspect", kernel, "--svg", svg});
  expect_good(outcome);
  EXPECT_EQ(outcome.out, run({"inspect", kernel}).out);
  const auto picture = read_text(svg);
  EXPECT_TRUE(picture.starts_with("<svg ")) << picture;
  EXPECT_TRUE(picture.ends_with("</svg>\n"));
  EXPECT_TRUE(picture.contains(">kernel</text>"));
  EXPECT_EQ(std::ranges::count(picture, '<'), std::ranges::count(picture, '>'));

  const auto json = run({"inspect", "--json", "--svg", path("other.svg"), kernel});
  expect_good(json);
  expect_documented(Json::parse(json.out), false);
  EXPECT_EQ(read_text(path("other.svg")), picture);
}

TEST_F(CliTest, DrawsToStandardOutputAndReportsToStandardError) {
  const auto kernel = file("kernel", x86_64_kernel());
  expect_good(run({"inspect", kernel, "--svg", path("map.svg")}));
  const auto outcome = run({"inspect", kernel, "--svg", "-"});
  EXPECT_EQ(outcome.status, kGood);
  EXPECT_EQ(outcome.out, read_text(path("map.svg")));
  EXPECT_EQ(outcome.err, run({"inspect", kernel}).out);
}

TEST_F(CliTest, DrawsWhatCannotBeLoadedAndNotWhatCannotBeRead) {
  expect_complaint(run({"inspect", file("garbage", kGarbage), "--svg", path("map.svg")}), kSomeNot,
                   message_of(not_elf(Format::text)));
  EXPECT_TRUE(read_text(path("map.svg")).contains("nothing to load"));
  expect_complaint(run({"inspect", path("missing"), "--svg", path("none.svg")}), kUsage, "missing");
  EXPECT_FALSE(std::filesystem::exists(path("none.svg")));
}

TEST_F(CliTest, SaysWhenAPictureCannotBeWritten) {
  const auto kernel = file("kernel", x86_64_kernel());
  expect_complaint(run({"inspect", kernel, "--svg", path("missing/map.svg")}), kUsage, "map.svg: No such file");
  expect_complaint(run({"inspect", kernel, "--svg", path(".")}), kUsage, "Is a directory");
  expect_complaint(run({"inspect", kernel, "--svg", "/dev/full"}), kUsage, "/dev/full: No space left on device");
}

// ---- inspect --sizes, --treemap

void expect_documented_sizes(const Json& sizes) {
  expect_keys(sizes, {{"file", "s"},
                      {"by", "s"},
                      {"file_size", "i"},
                      {"image", "o"},
                      {"rows", "a"},
                      {"unexplained", "o"},
                      {"not_loaded", "o"},
                      {"left_out", "i"}});
  expect_keys(sizes["image"], {{"file", "i"}, {"zero", "i"}});
  expect_all_keys(sizes["rows"], {{"name", "s"}, {"file", "i"}, {"zero", "i"}, {"symbols", "i"}});
  expect_keys(sizes["unexplained"], {{"file", "i"}, {"zero", "i"}, {"sections", "a"}});
  expect_all_keys(sizes["unexplained"]["sections"], {{"name", "s"}, {"file", "i"}, {"zero", "i"}});
  expect_keys(sizes["not_loaded"], {{"size", "i"}, {"sections", "a"}});
  expect_all_keys(sizes["not_loaded"]["sections"], {{"name", "s"}, {"size", "i"}});
}

TEST_F(CliTest, SaysWhereBytesGo) {
  const auto kernel = file("kernel", x86_64_kernel());
  const auto outcome = run({"inspect", "--sizes", kernel});
  expect_good(outcome);
  EXPECT_TRUE(outcome.out.starts_with("Sizes by crate: ")) << outcome.out;
  EXPECT_TRUE(outcome.out.contains("  hermit\n")) << outcome.out;
  EXPECT_FALSE(outcome.out.contains("Version")) << outcome.out;
  EXPECT_EQ(run({"inspect", "--sizes", "--by", "crate", kernel}).out, outcome.out);
  EXPECT_EQ(run({"inspect", "--sizes", "--segments", "--symbols", kernel}).out, outcome.out);
  for (const std::string by : {"function", "file", "segment"}) {
    EXPECT_TRUE(run({"inspect", "--sizes", "--by", by, kernel}).out.starts_with("Sizes by " + by + ": "));
  }
  EXPECT_TRUE(run({"inspect", "--sizes", "--all", kernel}).out.starts_with("Sizes by crate: "));
  const auto several = run({"inspect", "--sizes", kernel, kernel});
  EXPECT_TRUE(several.out.starts_with(kernel + ":\nSizes by crate: ")) << several.out;
}

TEST_F(CliTest, SaysWhereBytesGoAsJson) {
  const auto kernel = file("kernel", x86_64_kernel());
  for (const std::string by : {"crate", "function", "file", "segment"}) {
    const auto outcome = run({"inspect", "--sizes", "--by", by, "--json", kernel});
    expect_good(outcome);
    const auto sizes = Json::parse(outcome.out);
    expect_documented_sizes(sizes);
    EXPECT_EQ(sizes["file"], kernel);
    EXPECT_EQ(sizes["by"], by);
    auto sum = sizes["unexplained"]["file"].get<std::uint64_t>();
    for (const auto& row : sizes["rows"]) sum += row["file"].get<std::uint64_t>();
    EXPECT_EQ(sizes["image"]["file"], sum);
  }
  const auto both = Json::parse(run({"inspect", "--sizes", "--json", kernel, kernel}).out);
  ASSERT_EQ(both.size(), 2U);
  EXPECT_EQ(both[0], both[1]);
}

TEST_F(CliTest, SaysWhereTheBytesOfTheKernelInAnImageGo) {
  const auto bytes = write(x86_64_kernel());
  const auto kernel = file("kernel", bytes);
  const auto image = file("image.tar.gz", testing::image_with({}, entry::text_of(bytes)));
  for (const Arguments& more : {Arguments{}, Arguments{"--json", "--by", "function"}}) {
    Arguments of_kernel{"inspect", "--sizes", kernel};
    Arguments of_image{"inspect", "--sizes", image};
    of_kernel.insert(of_kernel.end(), more.begin(), more.end());
    of_image.insert(of_image.end(), more.begin(), more.end());
    const auto outcome = run(of_image);
    expect_good(outcome);
    auto expected = run(of_kernel).out;
    if (!more.empty()) expected.replace(expected.find(kernel), kernel.size(), image);
    EXPECT_EQ(outcome.out, expected);
  }
}

TEST_F(CliTest, WhatIsNoKernelHasNoSizes) {
  const auto garbage = file("garbage", kGarbage);
  const auto outcome = run({"inspect", "--sizes", garbage, "--treemap", path("map.svg")});
  expect_complaint(outcome, kSomeNot, message_of(not_elf(Format::text)));
  EXPECT_TRUE(outcome.out.starts_with("Sizes by crate: 0 bytes from the file")) << outcome.out;
  EXPECT_TRUE(read_text(path("map.svg")).contains("nothing to load"));
  expect_documented_sizes(Json::parse(run({"inspect", "--sizes", "--json", garbage}).out));
  const auto damaged = file("damaged.tar.gz", std::string_view{"\x1f\x8b\x08\x00", 4});
  EXPECT_EQ(run({"inspect", "--sizes", damaged}).status, kSomeNot);
}

TEST_F(CliTest, DrawsATreemap) {
  const auto kernel = file("kernel", x86_64_kernel());
  const auto outcome = run({"inspect", kernel, "--treemap", path("map.svg")});
  expect_good(outcome);
  EXPECT_EQ(outcome.out, run({"inspect", kernel}).out);
  const auto picture = read_text(path("map.svg"));
  EXPECT_TRUE(picture.starts_with("<svg ") && picture.ends_with("</svg>\n")) << picture;
  EXPECT_TRUE(picture.contains("by crate · "));
  expect_good(run({"inspect", kernel, "--treemap", path("files.svg"), "--by", "file", "--svg", path("memory.svg")}));
  EXPECT_TRUE(read_text(path("files.svg")).contains("by file · "));
  EXPECT_TRUE(read_text(path("memory.svg")).contains("entry 0x"));
  const auto piped = run({"inspect", "--sizes", kernel, "--treemap", "-"});
  EXPECT_EQ(piped.status, kGood);
  EXPECT_EQ(piped.out, picture);
  EXPECT_EQ(piped.err, run({"inspect", "--sizes", kernel}).out);
  expect_complaint(run({"inspect", kernel, "--treemap", path("missing/map.svg")}), kUsage, "map.svg: No such file");
}

// ---- inspect --diff

TEST_F(CliTest, SaysWhatIsDifferent) {
  const auto kernel = file("kernel", x86_64_kernel());
  const auto fixed = file("fixed", fixed_kernel());
  const auto outcome = run({"inspect", "--diff", kernel, fixed});
  expect_good(outcome);
  EXPECT_TRUE(outcome.out.starts_with(kernel + " → " + fixed + "\n")) << outcome.out;
  for (const auto* line : {"  arch                     x86_64 → aarch64\n", "  relocatable              yes → no\n",
                           "\nSymbols: no difference\n", "\nNotes", "\nProblems: no difference\n"}) {
    EXPECT_TRUE(outcome.out.contains(line)) << line << outcome.out;
  }
  const auto same = run({"inspect", "--diff", kernel, kernel});
  expect_good(same);
  EXPECT_TRUE(same.out.contains("\nSymbols: no difference\n")) << same.out;
  expect_good(run({"inspect", "--diff", "--all", kernel, fixed}));
}

TEST_F(CliTest, SaysWhatIsDifferentAsJson) {
  const auto bytes = write(x86_64_kernel());
  const auto image = file("image.tar.gz", testing::image_with({}, entry::text_of(bytes)));
  const auto fixed = file("fixed", fixed_kernel());
  const auto outcome = run({"inspect", "--diff", "--json", image, fixed});
  expect_good(outcome);
  const auto json = Json::parse(outcome.out);
  expect_keys(json, {{"before", "s"},
                     {"after", "s"},
                     {"file_size", "o"},
                     {"image", "o"},
                     {"facts", "o"},
                     {"segments", "a"},
                     {"crates", "a"},
                     {"symbols", "a"},
                     {"relocations", "a"},
                     {"notes", "a"},
                     {"problems", "a"}});
  EXPECT_EQ(json["before"], image);
  EXPECT_EQ(json["file_size"]["before"], bytes.size());
  EXPECT_EQ(json["facts"]["arch"]["after"], "aarch64");
  for (const auto* list : {"segments", "crates", "symbols"}) {
    expect_all_keys(json[list], {{"name", "s"}, {"before", "o?"}, {"after", "o?"}});
  }
  expect_all_keys(json["relocations"], {{"type", "s"}, {"before", "i"}, {"after", "i"}});
  expect_all_keys(json["notes"], {{"name", "s"}, {"type", "i"}, {"before", "s?"}, {"after", "s?"}});
}

TEST_F(CliTest, ComparesWhatCannotBeLoadedAndNotWhatCannotBeRead) {
  const auto kernel = file("kernel", x86_64_kernel());
  const auto garbage = file("garbage", kGarbage);
  const auto outcome = run({"inspect", "--diff", "--json", kernel, garbage});
  expect_complaint(outcome, kSomeNot, message_of(not_elf(Format::text)));
  const auto json = Json::parse(outcome.out);
  ASSERT_EQ(json["problems"].size(), 1U);
  expect_keys(json["problems"][0],
              {{"severity", "s"}, {"code", "s"}, {"message", "s"}, {"before", "i"}, {"after", "i"}});
  const auto missing = run({"inspect", "--diff", kernel, path("missing")});
  expect_complaint(missing, kUsage, "No such file");
  EXPECT_EQ(missing.out, "");
  expect_complaint(run({"inspect", "--diff", kernel, kernel}, {.out = "/dev/full"}), kUsage, "standard output: ");
}

// ---- Standard streams that do not take what is written

TEST_F(CliTest, AFullStandardOutputIsAnError) {
  const auto kernel = file("kernel", x86_64_kernel());
  const auto garbage = file("garbage", kGarbage);
  for (const Arguments& arguments :
       {Arguments{"--help"}, Arguments{"--version"}, Arguments{"inspect", "--help"}, Arguments{"load", "--help"},
        Arguments{"inspect", kernel}, Arguments{"inspect", "--json", kernel}, Arguments{"inspect", "--all", kernel},
        Arguments{"load", kernel}, Arguments{"load", "--json", kernel}, Arguments{"load", "-o", path("m"), kernel}}) {
    for (const Streams& streams : {Streams{.out = "/dev/full"}, Streams{.closed_out = true}}) {
      const auto outcome = run(arguments, streams);
      expect_complaint(outcome, kUsage, "standard output: ");
      EXPECT_EQ(outcome.err.contains("No space left on device"), streams.out.has_value()) << outcome.err;
    }
  }
  // That the file is no kernel is worth a line, too.
  const auto outcome = run({"inspect", garbage}, {.out = "/dev/full"});
  EXPECT_EQ(outcome.status, kUsage);
  for (const auto& line : lines_of(outcome.err)) EXPECT_TRUE(line.starts_with("hermitage: ")) << line;
}

TEST_F(CliTest, AFullStandardOutputIsAnErrorAlsoForMemoryAndPictures) {
  const auto kernel = file("kernel", x86_64_kernel());
  expect_complaint(run({"load", "-o", "-", kernel}, {.out = "/dev/full"}), kUsage, "No space left on device");
  const auto picture = run({"inspect", "--svg", "-", kernel}, {.out = "/dev/full"});
  EXPECT_EQ(picture.status, kUsage);
  const auto lines = lines_of(picture.err);
  ASSERT_FALSE(lines.empty());
  EXPECT_EQ(lines.back(), "hermitage: standard output: No space left on device");
}

TEST_F(CliTest, AFullStandardErrorDoesNotChangeTheExitStatus) {
  const auto kernel = file("kernel", x86_64_kernel());
  const auto garbage = file("garbage", kGarbage);
  for (const Streams& streams : {Streams{.err = "/dev/full"}, Streams{.closed_err = true}}) {
    EXPECT_EQ(run({"inspect", kernel}, streams).status, kGood);
    EXPECT_EQ(run({"inspect", garbage}, streams).status, kSomeNot);
    EXPECT_EQ(run({"inspect", path("missing")}, streams).status, kUsage);
    EXPECT_EQ(run({"load", garbage}, streams).status, kSomeNot);
    EXPECT_EQ(run({"frobnicate"}, streams).status, kUsage);
    EXPECT_EQ(run({}, streams).status, kUsage);
  }
}

// ---- Terminals

TEST_F(CliTest, UsesColourOnATerminalOnly) {
  const auto kernel = file("kernel", x86_64_kernel());
  const auto on_terminal = run_on_terminal({"inspect", kernel}, {"TERM=xterm"});
  if (on_terminal.empty()) GTEST_SKIP() << "no terminal to be had";
  EXPECT_TRUE(on_terminal.contains("\x1b["));
  EXPECT_TRUE(run_on_terminal({"inspect", kernel}, {"TERM=xterm", "NO_COLOR="}).contains("\x1b["));
  for (const Arguments& environment : {Arguments{"TERM=xterm", "NO_COLOR=1"}, Arguments{"TERM=xterm", "NO_COLOR=0"},
                                       Arguments{"TERM=dumb"}, Arguments{}}) {
    const auto text = run_on_terminal({"inspect", "--all", kernel}, environment);
    EXPECT_TRUE(text.contains("Version: 0.11.0"));
    EXPECT_FALSE(text.contains('\x1b')) << environment.size();
  }
  EXPECT_FALSE(run_on_terminal({"inspect", "--json", kernel}, {"TERM=xterm"}).contains('\x1b'));
  EXPECT_FALSE(run_on_terminal({"load", kernel}, {"TERM=xterm"}).contains('\x1b'));
  EXPECT_FALSE(run({"inspect", "--all", kernel}).out.contains('\x1b'));
}

TEST_F(CliTest, NoControlCharacterReachesTheTerminal) {
  const std::string hostile =
      "\x1b]0;title\x07\x1b[2J\r\n\x7f\xc2\x9b"
      "31m\xff";
  const std::string shown = R"(\x1b]0;title\x07\x1b[2J\x0d\x0a\x7f\xc2\x9b31m\xff)";
  auto kernel = x86_64_kernel();
  kernel.notes.push_back({.name = hostile, .type = 1});
  kernel.symbols = {{.name = hostile,
                     .info = testing::symbol_info(testing::kBindGlobal, testing::kTypeFunction),
                     .value = kernel.entry_point}};
  kernel.dynamic_symbols = {{.name = hostile, .value = 0x2000}};
  kernel.relocations.push_back({.offset = 0x4100, .type = 1, .symbol = 1, .addend = 0});
  const auto name = file("kernel" + hostile, kernel);
  const auto garbage = file("garbage" + hostile, kGarbage);
  const Arguments runs[] = {
      {"inspect", name},
      {"inspect", "--all", name, name},
      {"inspect", "--json", "--all", name},
      {"inspect", garbage, name},
      {"inspect", path("missing" + hostile)},
      {"inspect", name, "--svg", path("no" + hostile + "/map.svg")},
      {"inspect", name, "--frobnicate" + hostile},
      {"inspect", name, "--json=" + hostile},
      {"load", name},
      {"load", "--json", name},
      {"load", garbage},
      {"load", path("missing" + hostile)},
      {"load", name, "-o", path("no" + hostile + "/memory")},
      {"load", name, "--start-addr", hostile},
      {"load", name, hostile},
      {hostile},
      {"--" + hostile},
  };
  for (const auto& arguments : runs) {
    const auto outcome = run(arguments);
    SCOPED_TRACE(outcome.err + outcome.out.substr(0, 300));
    expect_no_control_characters(outcome.out);
    expect_no_control_characters(outcome.err);
    if (!outcome.err.empty()) {
      EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1);
    }
  }
  EXPECT_TRUE(run({"inspect", "--symbols", name}).out.contains(shown));
  EXPECT_TRUE(run({"inspect", garbage}).err.contains(shown));
}

// ---- load

TEST_F(CliTest, LoadsAtTheDefaultAddress) {
  const auto relocatable = run({"load", file("kernel", x86_64_kernel())});
  expect_good(relocatable);
  EXPECT_EQ(relocatable.out,
            "Entry Point: 0x42000\n"
            "Image: 0x40000 to 0x45800 (22528 bytes, 22 KiB)\n"
            "TLS: 0x44300, template of 32 bytes and 64 zeros, aligned to 16\n");
  const auto fixed = run({"load", file("fixed", fixed_kernel())});
  expect_good(fixed);
  EXPECT_EQ(fixed.out,
            "Entry Point: 0x100802000\n"
            "Image: 0x100800000 to 0x100805800 (22528 bytes, 22 KiB)\n"
            "TLS: 0x100804300, template of 32 bytes and 64 zeros, aligned to 16\n");
  auto without_tls = x86_64_kernel();
  without_tls.tls.reset();
  EXPECT_TRUE(run({"load", file("without_tls", without_tls)}).out.ends_with("\nTLS: none\n"));
}

TEST_F(CliTest, LoadsAtAnyAddressInAnySpelling) {
  const auto kernel = file("kernel", x86_64_kernel());
  for (const std::string_view address : {"0x200000", "0X200000", "2097152", "2M", "2m", "2MB", "2MiB", "2 MiB", "2 mib",
                                         "0x2M", "0x2 M", "2048K", "2048 KiB", "002M"}) {
    for (const Arguments& option :
         {Arguments{"--start-addr", std::string{address}}, Arguments{"--start-addr=" + std::string{address}}}) {
      Arguments arguments{"load", "--json", kernel};
      arguments.insert(arguments.end(), option.begin(), option.end());
      const auto outcome = run(arguments);
      expect_good(outcome);
      EXPECT_EQ(Json::parse(outcome.out),
                (Json{{"file", kernel},
                      {"entry_point", 0x202000},
                      {"start_addr", 0x200000},
                      {"end_addr", 0x205800},
                      {"tls", {{"start", 0x204300}, {"filesz", 32}, {"memsz", 96}, {"align", 16}}}}))
          << address;
    }
  }
  EXPECT_EQ(Json::parse(run({"load", "--json", "--start-addr", "0", kernel}).out)["entry_point"], 0x2000);
  // Up to the last address.
  const auto last = run({"load", "--json", "--start-addr", "0xffffffffffffa7ff", kernel});
  expect_good(last);
  EXPECT_EQ(Json::parse(last.out)["end_addr"], UINT64_MAX);
  expect_complaint(run({"load", "--start-addr", "0xffffffffffffa800", kernel}), kSomeNot,
                   message_of({.code = ProblemCode::address_overflow, .found = 0xffffffffffffa800}));
}

TEST_F(CliTest, SaysWhenAnAddressIsNone) {
  const auto kernel = file("kernel", x86_64_kernel());
  for (const std::string_view address : {"", " ", "x", "0x", "-1", "+1", "1.5M", "1P", "18446744073709551616",
                                         "16777216T", "0x10000000000000000", "40000h", "2M0"}) {
    const auto outcome = run({"load", kernel, "--start-addr=" + std::string{address}});
    expect_complaint(outcome, kUsage, "--start-addr");
    EXPECT_EQ(outcome.out, "") << address;
  }
}

TEST_F(CliTest, AFixedKernelIsLoadedWhereItIsLinked) {
  const auto kernel = file("fixed", fixed_kernel());
  expect_good(run({"load", kernel, "--start-addr", "0x100800000"}));
  for (const std::uint64_t address :
       {std::uint64_t{0}, std::uint64_t{0x40000}, std::uint64_t{0x1007fffff}, std::uint64_t{0x100800001}, UINT64_MAX}) {
    const entry::Problem problem{.code = ProblemCode::start_address, .expected = 0x100800000, .found = address};
    expect_complaint(run({"load", kernel, "-o", path("memory"), "--start-addr", std::to_string(address)}), kSomeNot,
                     message_of(problem));
  }
  EXPECT_FALSE(std::filesystem::exists(path("memory")));
}

TEST_F(CliTest, PrintsDocumentedJson) {
  const Keys keys{{"file", "s"}, {"entry_point", "i"}, {"start_addr", "i"}, {"end_addr", "i"}, {"tls", "o?"}};
  auto without_tls = x86_64_kernel();
  without_tls.tls.reset();
  for (const auto& kernel : {x86_64_kernel(), fixed_kernel(), without_tls}) {
    const auto outcome = run({"load", "--json", file("kernel", kernel)});
    expect_good(outcome);
    EXPECT_TRUE(outcome.out.ends_with("}\n"));
    const auto json = Json::parse(outcome.out);
    expect_keys(json, keys);
    EXPECT_EQ(json["tls"].is_null(), !kernel.tls);
    if (kernel.tls) expect_keys(json["tls"], kTlsKeys);
  }
}

TEST_F(CliTest, WritesTheMemoryThatTheLibraryMakes) {
  for (const auto& target : testing::kTargets) {
    for (const bool is_relocatable : {true, false}) {
      const auto bytes = write(minimal_kernel(target.arch, target.endian, is_relocatable));
      const auto kernel = entry::KernelObject::parse(bytes);
      ASSERT_TRUE(kernel);
      const auto start = kernel->start_addr().value_or(entry::GuestAddress{0x7654000});
      Bytes expected(kernel->mem_size(), std::byte{0xa5});
      ASSERT_TRUE(kernel->load(expected, start));

      const auto name = file("kernel", bytes);
      const auto address = std::to_string(start.value);
      // A longer file must not keep its end.
      const auto memory = file("memory", std::string(100'000, 'x'));
      const auto to_file = run({"load", name, "--start-addr", address, "-o", memory});
      expect_good(to_file);
      EXPECT_EQ(testing::read_bytes(memory), expected) << target.name;

      const auto to_output = run({"load", name, "--start-addr", address, "--output", "-"});
      EXPECT_EQ(to_output.status, kGood);
      const auto out = std::as_bytes(std::span{to_output.out});
      EXPECT_TRUE(std::ranges::equal(out, expected)) << target.name;
      EXPECT_EQ(to_output.err, to_file.out) << target.name;

      const auto json = run({"load", name, "--json", "-o", "-", "--start-addr", address});
      EXPECT_TRUE(std::ranges::equal(std::as_bytes(std::span{json.out}), expected)) << target.name;
      EXPECT_EQ(Json::parse(json.err)["start_addr"], start.value);
    }
  }
}

TEST_F(CliTest, LoadsStandardInput) {
  const auto kernel = file("kernel", x86_64_kernel());
  const auto outcome = run({"load", "-"}, {.in = kernel});
  expect_good(outcome);
  EXPECT_EQ(outcome.out, run({"load", kernel}).out);
  EXPECT_EQ(Json::parse(run({"load", "--json", "-"}, {.in = kernel}).out)["file"], "-");
  expect_complaint(run({"load", "-"}), kSomeNot,
                   "hermitage: -: cannot be loaded: " + message_of(not_elf(Format::empty)));
}

TEST_F(CliTest, MayOverwriteTheFileItLoads) {
  const auto kernel = file("kernel", x86_64_kernel());
  expect_good(run({"load", kernel, "-o", path("memory")}));
  expect_good(run({"load", kernel, "-o", kernel}));
  EXPECT_EQ(read_text(kernel), read_text(path("memory")));
}

TEST_F(CliTest, SaysWhenTheMemoryCannotBeWritten) {
  const auto kernel = file("kernel", x86_64_kernel());
  const auto to = [&](const std::string& output) { return run({"load", kernel, "-o", output}); };
  expect_complaint(to(path("missing/memory")), kUsage, "missing/memory: No such file or directory");
  expect_complaint(to(path(".")), kUsage, "Is a directory");
  expect_complaint(to("/dev/full"), kUsage, "/dev/full: No space left on device");
  EXPECT_EQ(to("/dev/full").out, "");
}

TEST_F(CliTest, SaysWhichRelocationCannotBeApplied) {
  auto kernel = x86_64_kernel();
  kernel.relocations.push_back({.offset = 0x4080, .type = 7, .addend = 0});
  const auto outcome = run({"load", file("kernel", kernel), "-o", path("memory")});
  expect_complaint(outcome, kSomeNot,
                   message_of({.code = ProblemCode::unsupported_relocation, .index = 8, .found = 7}));
  EXPECT_EQ(outcome.out, "");
  EXPECT_FALSE(std::filesystem::exists(path("memory")));
}

TEST_F(CliTest, LoadsAtMost4GiB) {
  const auto with_size = [this](std::uint64_t size) {
    auto kernel = x86_64_kernel();
    kernel.segments[1].memsz = size - kernel.segments[1].vaddr;
    return file("kernel", kernel);
  };
  constexpr std::uint64_t kLimit = std::uint64_t{4} << 30;
  for (const std::uint64_t size : {kLimit + 1, std::uint64_t{1} << 40, (std::uint64_t{1} << 63) - 1}) {
    const auto name = with_size(size);
    const auto outcome = run({"load", name});
    expect_complaint(outcome, kSomeNot, name + ": takes ");
    EXPECT_EQ(outcome.out, "");
    // Which does not keep anybody from looking at it.
    EXPECT_EQ(Json::parse(run({"inspect", "--json", "--all", name}).out)["mem_size"], size);
  }
  const auto largest = run({"load", "--json", with_size(kLimit)});
  if (largest.status == kUsage) GTEST_SKIP() << largest.err;
  expect_good(largest);
  EXPECT_EQ(Json::parse(largest.out)["end_addr"], kLimit + 0x40000);
}

TEST_F(CliTest, LoadsEverySampleThatCanBeLoaded) {
  for (const auto& sample : testing::sample_kernels()) {
    const auto name = file(sample.name, sample.bytes);
    const auto outcome = run({"load", name});
    if (sample.loadable) {
      expect_good(outcome);
      EXPECT_TRUE(outcome.out.starts_with("Entry Point: 0x")) << sample.name;
    } else {
      expect_complaint(outcome, kSomeNot, name + ": cannot be loaded: ");
    }
  }
}

TEST_F(CliTest, InspectsAndLoadsRealImages) {
  const auto image = testing::read_image("x86_64-0.6.9-hello_world");
  if (!image) GTEST_SKIP() << "no images in " << testing::images_directory();
  const auto name = (testing::images_directory() / "x86_64-0.6.9-hello_world").string();
  const auto inspected = run({"inspect", "--json", "--all", name});
  expect_good(inspected);
  expect_documented(Json::parse(inspected.out), true);
  expect_good(run({"load", name, "-o", path("memory")}));
  EXPECT_EQ(std::filesystem::file_size(path("memory")), Json::parse(inspected.out)["mem_size"]);
}

// ---- image

using testing::TarEntry;

auto text_of(std::span<const std::byte> bytes) -> std::string {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

auto sample_image(std::vector<TarEntry> entries = {}) -> Bytes {
  return testing::image_with(entries, text_of(write(x86_64_kernel())));
}

TEST_F(CliTest, ImageCommandsHaveHelp) {
  const auto outcome = run({"image", "--help"});
  expect_good(outcome);
  for (const auto* word : {"create", "list", "extract", "check"}) EXPECT_TRUE(outcome.out.contains(word)) << word;
  for (const auto* command : {"create", "list", "extract", "check"}) {
    const auto help = run({"image", command, "--help"});
    expect_good(help);
    for (const auto* word : {"--max-size", "--help", "Exit status"}) EXPECT_TRUE(help.out.contains(word)) << word;
  }
}

TEST_F(CliTest, InspectsAndLoadsTheKernelOfAnImage) {
  const auto kernel = file("kernel", x86_64_kernel());
  const auto image = file("image.tar.gz", sample_image());
  const auto of_kernel = run({"inspect", kernel});
  const auto of_image = run({"inspect", image});
  expect_good(of_image);
  EXPECT_TRUE(of_image.out.contains("\nKernel             /kernel\n")) << of_image.out;
  const auto behind = [](const std::string& text) { return text.substr(text.find("\nArchitecture")); };
  EXPECT_EQ(behind(of_image.out), behind(of_kernel.out));
  EXPECT_EQ(run({"inspect", "-"}, {.in = image}).out, of_image.out);

  const auto json = Json::parse(run({"inspect", "--json", "--all", image}).out);
  EXPECT_EQ(json["format"], "image");
  EXPECT_EQ(json["config"]["kernel"], "/kernel");

  const auto loaded = run({"load", image, "-o", path("a")});
  expect_good(loaded);
  EXPECT_EQ(loaded.out, run({"load", kernel, "-o", path("b")}).out);
  EXPECT_EQ(read_text(path("a")), read_text(path("b")));
  EXPECT_EQ(run({"load", "-"}, {.in = image}).out, loaded.out);
}

TEST_F(CliTest, GzipDataThatAreNoImageAreOneLine) {
  const auto whole = sample_image();
  struct Case {
    std::string name;
    std::string_view message;
  };
  const Case cases[] = {
      {file("damaged", "\x1f\x8b\x08\xff packed"), "has damaged gzip data"},
      {file("cut", std::span{whole}.first(whole.size() - 1)), "is truncated within its gzip data"},
      {file("other", testing::packed(std::vector<TarEntry>{{.name = "a"}})), "has no hermit.toml at its root"},
      {file("config", testing::packed(std::vector<TarEntry>{{.name = "hermit.toml", .contents = "version = 2\n"}})),
       "hermit.toml:1:11: version is not a string"},
      {file("link", sample_image({{.name = "link", .type = '2', .target = "/etc/passwd"}})),
       "link: is a symbolic link to '/etc/passwd'"},
  };
  for (const auto& [name, message] : cases) {
    for (const auto* command : {"inspect", "load"}) {
      const auto outcome = run({command, name});
      expect_complaint(outcome, kSomeNot, message);
      EXPECT_TRUE(outcome.err.starts_with("hermitage: " + name + ": cannot be loaded: ")) << outcome.err;
    }
    for (const Arguments& arguments :
         {Arguments{"image", "list", name}, Arguments{"image", "list", "--json", name},
          Arguments{"image", "check", name}, Arguments{"image", "extract", name, path("x")}}) {
      const auto outcome = run(arguments);
      expect_complaint(outcome, kSomeNot, message);
      EXPECT_EQ(outcome.out, "");
    }
    EXPECT_FALSE(std::filesystem::exists(path("x"))) << "nothing is written";
    EXPECT_EQ(Json::parse(run({"inspect", "--json", name}).out)["format"], "gzip");
  }
  expect_complaint(run({"image", "list", path("missing")}), kUsage,
                   "hermitage: " + path("missing") + ": open: No such file or directory\n");
  expect_complaint(run({"image", "check", file("elf", x86_64_kernel())}), kSomeNot, "not gzip data");
}

TEST_F(CliTest, CreatesListsChecksAndExtracts) {
  const auto kernel = file("kernel", x86_64_kernel());
  std::filesystem::create_directories(path("tree/etc"));
  static_cast<void>(file("tree/etc/motd", "hello\n"));
  std::filesystem::create_symlink("etc/motd", path("tree/link"));
  const auto image = path("image.tar.gz");
  const auto created = run({"image",
                            "create",
                            "-o",
                            image,
                            "--kernel",
                            kernel,
                            "--kernel-arg",
                            "-v",
                            "--kernel-arg=[a,b]",
                            "--app-arg",
                            "[x]",
                            "--app-arg",
                            "--help",
                            "--env",
                            "A=1",
                            "--memory",
                            "64 MB",
                            "--cpus",
                            "2",
                            path("tree")});
  expect_good(created);
  EXPECT_EQ(created.out, "");

  const auto listed = run({"image", "list", image});
  expect_good(listed);
  const auto kernel_size = std::to_string(std::filesystem::file_size(kernel));
  const auto lines = lines_of(listed.out);
  ASSERT_EQ(lines.size(), 5U) << listed.out;
  EXPECT_EQ(lines[0], "drwxr-xr-x            0  etc/");
  EXPECT_EQ(lines[1], "-rw-r--r--            6  etc/motd");
  EXPECT_TRUE(lines[2].ends_with("  hermit.toml"));
  EXPECT_TRUE(lines[3].ends_with(" " + kernel_size + "  kernel"));
  EXPECT_EQ(lines[4], "lrwxrwxrwx            0  link -> etc/motd");

  const auto json = Json::parse(run({"image", "list", "--json", image}).out);
  EXPECT_EQ(json["config"], (Json{{"kernel", "/kernel"},
                                  {"kernel_args", {"-v", "[a,b]"}},
                                  {"app_args", {"[x]", "--help"}},
                                  {"env_vars", {"A=1"}},
                                  {"memory", 64 << 20},
                                  {"cpus", 2}}));
  ASSERT_EQ(json["files"].size(), 5U);
  EXPECT_EQ(json["files"][3]["kernel"], true);
  EXPECT_EQ(json["files"][4]["kind"], "link");
  EXPECT_EQ(json["files"][4]["target"], "etc/motd");
  EXPECT_EQ(json["warnings"], Json::array());

  const auto checked = run({"image", "check", image});
  expect_good(checked);
  EXPECT_EQ(checked.out, image + ": a Hermit image of 5 entries, kernel /kernel for x86_64, Hermit 0.11.0\n");

  expect_good(run({"image", "extract", image, path("out")}));
  EXPECT_EQ(read_text(path("out/kernel")), read_text(kernel));
  EXPECT_EQ(read_text(path("out/etc/motd")), "hello\n");
  EXPECT_EQ(std::filesystem::read_symlink(path("out/link")), "etc/motd");

  // What was extracted makes the same image again, and so does what comes from and goes to a pipe.
  expect_good(run({"image", "create", "-o", path("again.tar.gz"), path("out")}));
  EXPECT_EQ(read_text(path("again.tar.gz")), read_text(image));
  const auto piped = run({"image", "create", "-o", "-", path("out")}, {.out = path("piped.tar.gz")});
  EXPECT_EQ(piped.err, "");
  EXPECT_EQ(read_text(path("piped.tar.gz")), read_text(image));
  EXPECT_EQ(run({"image", "list", "-"}, {.in = image}).out, listed.out);
}

TEST_F(CliTest, CreatesAndReadsContainerImages) {
  const auto kernel = file("kernel", x86_64_kernel());
  std::filesystem::create_directories(path("tree/etc"));
  static_cast<void>(file("tree/etc/motd", "hello\n"));
  const auto packed = path("packed.tar.gz");
  expect_good(run({"image", "create", "-o", packed, "--kernel", kernel, "--app-arg", "a", path("tree")}));
  const auto archive = path("app.tar");
  expect_good(run({"image", "create", "--oci", "-o", archive, "--name", "app:v1", "--image", packed}));
  expect_good(run({"image", "create", "--oci", "-o", path("same.tar"), "--name", "localhost/app:v1", "--kernel", kernel,
                   "--app-arg", "a", path("tree")}));
  EXPECT_EQ(read_text(path("same.tar")), read_text(archive));
  const auto layout = path("layout");
  expect_good(run({"image", "create", "--oci", "-o", layout, "--image", packed}));
  for (const auto& image : {archive, layout}) {
    EXPECT_EQ(run({"image", "list", image}).out, run({"image", "list", packed}).out);
    EXPECT_EQ(run({"inspect", image}).out, run({"inspect", packed}).out);
    EXPECT_EQ(run({"image", "check", image}).out,
              image + ": a Hermit image of 4 entries, kernel /kernel for x86_64, Hermit 0.11.0\n");
  }
  EXPECT_EQ(run({"image", "list", "-"}, {.in = archive}).out, run({"image", "list", packed}).out);
  EXPECT_EQ(run({"inspect", "-"}, {.in = archive}).out, run({"inspect", packed}).out);
  expect_good(run({"image", "extract", archive, path("out")}));
  EXPECT_EQ(read_text(path("out/etc/motd")), "hello\n");
  auto damaged = read_text(archive);
  damaged[damaged.find("\x1f\x8b") + 30] ^= 1;
  expect_complaint(run({"image", "check", file("damaged.tar", damaged)}), kSomeNot, "blobs/sha256/");
  expect_complaint(run({"run", "--dry-run", "--engine", "qemu", archive}), kUsage, "--dry-run cannot print a command");
}

TEST_F(CliTest, RefusesContainerImagesThatAreNone) {
  const auto kernel = file("kernel", x86_64_kernel());
  const auto refused = [&](std::vector<std::string> words, std::string_view message) {
    words.insert(words.begin(), {"image", "create"});
    expect_complaint(run(words), kUsage, message);
  };
  refused({"--oci", "-o", path("a.tar"), "--kernel", kernel}, "an archive (OUT.tar) needs --name NAME:TAG");
  refused({"--oci", "-o", path("a.tar"), "--name", "A", "--kernel", kernel}, "--name 'A': not a name");
  refused({"-o", path("a"), "--name", "a", "--kernel", kernel}, "--name needs --oci");
  refused({"-o", path("a"), "--image", kernel}, "--image needs --oci");
  refused({"--oci", "--force", "-o", path("a"), "--kernel", kernel}, "--oci and --force exclude each other");
  refused({"--oci", "-o", path("a"), "--kernel", kernel, "--image", kernel},
          "--image takes a packed image, to which no files can be added");
  std::filesystem::create_directories(path("there/file"));
  refused({"--oci", "-o", path("there"), "--kernel", kernel}, "rename: Directory not empty");
  refused({"--oci", "-o", path("a"), "--image", path("none")}, "open: No such file or directory");
  expect_complaint(run({"image", "create", "--oci", "-o", path("a"), "--image", kernel}), kSomeNot, "not gzip data");
  EXPECT_FALSE(std::filesystem::exists(path("a")));
}

TEST_F(CliTest, CreatesFromAConfiguration) {
  std::filesystem::create_directory(path("tree"));
  static_cast<void>(file("tree/kernel", x86_64_kernel()));
  const auto config = file("my.toml", testing::kMinimalConfig);
  expect_good(run({"image", "create", "-o", path("a.tar.gz"), "--config", config, path("tree")}));
  expect_good(run({"image", "check", path("a.tar.gz")}));
  const auto wrong = file("wrong.toml", "version = \"1\"\nkernel = 7\n");
  expect_complaint(run({"image", "create", "-o", path("b.tar.gz"), "--config", wrong, path("tree")}), kSomeNot,
                   wrong + ":2:10: kernel is not a string");
  expect_complaint(run({"image", "create", "-o", path("b.tar.gz"), "--config", path("missing"), path("tree")}), kUsage,
                   path("missing") + ": No such file or directory");
  EXPECT_FALSE(std::filesystem::exists(path("b.tar.gz")));
}

// What `image check` and `image create` take, `run` takes, as far as that does not depend on the host.
TEST_F(CliTest, ImagesThatCannotBeRunAreRefused) {
  const auto kernel = text_of(write(x86_64_kernel()));
  const auto kernel_file = file("kernel", x86_64_kernel());
  struct Wrong {
    const char* words;         // of the configuration
    const char* requirements;  // likewise
    const char* complaint;
    int exit_code;  // of `run`
  };
  for (const auto& [words, requirements, complaint, exit_code] :
       {Wrong{"\"a\", \"--\"", "", "the kernel's arguments contain '--'", kUsage},
        Wrong{"", "memory = \"1000 TiB\"", "requires 1048576000 MiB of memory, more than the limit of 67108864 MiB",
              kNotStarted},
        Wrong{"", "cpus = 5000", "requires 5000 vCPUs, more than the limit of 4096", kNotStarted}}) {
    const auto config = fmt::format(
        "version = \"1\"\nkernel = \"kernel\"\n[input]\nkernel_args = [{}]\napp_args = []\n[requirements]\n{}\n", words,
        requirements);
    const auto image =
        file("image.tar.gz", testing::packed(std::vector<TarEntry>{{.name = "hermit.toml", .contents = config},
                                                                   {.name = "kernel", .contents = kernel}}));
    expect_complaint(run({"image", "check", image}), kSomeNot, complaint);
    expect_complaint(run({"run", "--engine", "qemu", image}), exit_code, complaint);
    expect_good(run({"image", "list", image}));
    const auto config_file = file("my.toml", config);
    std::filesystem::create_directory(path("tree"));
    static_cast<void>(file("tree/kernel", kernel));
    expect_complaint(run({"image", "create", "-o", path("new.tar.gz"), "--config", config_file, path("tree")}),
                     kSomeNot, complaint);
    EXPECT_FALSE(std::filesystem::exists(path("new.tar.gz")));
  }
  expect_complaint(run({"image", "create", "-o", path("new.tar.gz"), "--kernel", kernel_file, "--kernel-arg=--"}),
                   kUsage, "the kernel's arguments contain '--'");
  expect_complaint(run({"image", "create", "-o", path("new.tar.gz"), "--kernel", kernel_file, "--cpus=5000"}), kUsage,
                   "requires 5000 vCPUs");
}

TEST_F(CliTest, AFailedCreateLeavesWhatWasThere) {
  const auto kernel = file("kernel", x86_64_kernel());
  const auto image = file("image.tar.gz", "what was there");
  expect_complaint(run({"image", "create", "-o", image, "--kernel", kernel, "--max-size", "1K"}), kSomeNot,
                   "exceeds the total file size limit of 1024 bytes");
  EXPECT_EQ(read_text(image), "what was there");
  expect_complaint(run({"image", "create", "-o", path("no/image"), "--kernel", kernel}), kUsage,
                   path("no/image") + ": No such file or directory");
  expect_complaint(run({"image", "create", "-o", "-", "--kernel", kernel}, {.out = "/dev/full"}), kUsage,
                   "standard output: No space left on device");
  for (const auto& entry : std::filesystem::directory_iterator{path(".")}) {
    EXPECT_NE(entry.path().extension(), ".part") << entry.path();
  }
}

TEST_F(CliTest, AKernelThatCannotBeLoadedIsPackedByForceOnly) {
  const auto garbage = file("garbage", kGarbage);
  const auto image = path("image.tar.gz");
  const auto refused = run({"image", "create", "-o", image, "--kernel", garbage});
  expect_complaint(refused, kSomeNot,
                   garbage + ": cannot be loaded: " + message_of(not_elf(Format::text)) + " (--force packs it)");
  EXPECT_FALSE(std::filesystem::exists(image));
  EXPECT_EQ(run({"image", "create", "-o", "-", "--kernel", garbage}).out, "");

  const auto created = run({"image", "create", "-o", image, "--kernel", garbage, "--force"});
  expect_complaint(created, kGood, "warning: " + garbage + ": cannot be loaded: ");
  expect_complaint(run({"image", "check", image}), kSomeNot, image + ": the kernel '/garbage' cannot be loaded: ");
  expect_good(run({"image", "list", image}));
}

TEST_F(CliTest, WarningsOfAnImageAreOnStandardError) {
  const auto image = file("image.tar.gz", sample_image({{.name = "a"}, {.name = "a"}}));
  const auto listed = run({"image", "list", image});
  expect_complaint(listed, kGood, image + ": warning: a: occurs more than once; the last entry is used");
  EXPECT_EQ(Json::parse(run({"image", "list", "--json", image}).out)["warnings"][0]["code"], "duplicate_entry");
  EXPECT_TRUE(run({"inspect", image}).out.contains("  warning  duplicate_entry: a: occurs more than once"));
}

TEST_F(CliTest, ImagesHaveALimit) {
  const auto image = file("image.tar.gz", sample_image({{.name = "a", .contents = std::string(2 << 20, 'a')}}));
  expect_good(run({"image", "check", image}));
  expect_complaint(run({"image", "check", "--max-size", "1M", image}), kSomeNot,
                   "a: exceeds the total file size limit");
  expect_good(run({"image", "check", "--max-size", "4 MiB", image}));
}

TEST_F(CliTest, ExtractWantsAnEmptyDirectory) {
  const auto image = file("image.tar.gz", sample_image());
  std::filesystem::create_directory(path("full"));
  static_cast<void>(file("full/kernel", "mine"));
  expect_complaint(run({"image", "extract", image, path("full")}), kUsage, path("full") + ": is not empty");
  EXPECT_EQ(read_text(path("full/kernel")), "mine");
}

TEST_F(CliTest, ConfigurationsOfImagesCannotSteerTheTerminal) {
  // In a key, in values, in a name that is not there, and in what is no TOML; escaped, and as it is.
  constexpr std::string_view kInput =
      "[input]\nkernel_args = [\"k\\u001b[2J\"]\napp_args = [\"a\\u001b[2J\", \"\xc2\x9b"
      "2J\"]\nenv_vars = [\"\\u001bA\\u009b=1\\u007f\", \"\\u001b\"]\n\"\\u001b[2J\xc2\x9b\" = 1\n";
  const auto kernel = text_of(write(x86_64_kernel()));
  const auto image = [&](std::string_view name, std::string_view kernel_path, std::string_view more) {
    const auto config = fmt::format("version = \"1\"\nkernel = \"{}\"\n{}{}", kernel_path, kInput, more);
    return file(name, testing::packed(std::vector<TarEntry>{{.name = "hermit.toml", .contents = config},
                                                            {.name = "kernel", .contents = kernel}}));
  };
  for (const auto& hostile :
       {image("odd", "/kernel", "\"\xc2\x9b\" = 2\n"), image("missing", "/\\u001b[2J\xc2\x9b", ""),
        image("wrong", "/kernel", "cpus = \x1b[2J\n"),
        image("typed", "/kernel", "[requirements]\nmemory = \"\\u001b[2J\xc2\x9b\"\n")}) {
    const Arguments runs[] = {{"inspect", hostile},
                              {"inspect", "--json", hostile},
                              {"inspect", "--all", hostile},
                              {"load", hostile},
                              {"image", "list", hostile},
                              {"image", "list", "--json", hostile},
                              {"image", "check", hostile},
                              {"image", "extract", hostile, path("x")},
                              {"run", "--engine", kEngines[0], "--tempdir", "/no", hostile},
                              {"run", "--engine", "qemu", "--loader", hostile, "--dry-run", hostile}};
    for (const auto& arguments : runs) {
      SCOPED_TRACE(arguments.front() + " " + arguments[1]);
      const auto outcome = run(arguments);
      expect_no_control_characters(outcome.out);
      expect_no_control_characters(outcome.err);
    }
  }
}

TEST_F(CliTest, NamesInImagesCannotSteerTheTerminal) {
  const auto image = file("image.tar.gz", sample_image({{.name = "a\x1b[2J"},
                                                        {.name = "a\x1b[2J"},
                                                        {.name = "\xc2\x9b"
                                                                 "2J",
                                                         .type = '2',
                                                         .target = "a\x1b[2J"}}));
  for (const Arguments& arguments :
       {Arguments{"image", "list", "--json", image}, Arguments{"image", "check", image}, Arguments{"inspect", image}}) {
    const auto outcome = run(arguments);
    expect_no_control_characters(outcome.out);
    expect_no_control_characters(outcome.err);
  }
  const auto listed = run({"image", "list", image});
  expect_no_control_characters(listed.out);
  expect_no_control_characters(listed.err);
  EXPECT_TRUE(listed.out.contains("a\\x1b[2J"));
}

}  // namespace
}  // namespace hermitage::cli
