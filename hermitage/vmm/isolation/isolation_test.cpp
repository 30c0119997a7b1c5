// A monitor that is under control of a guest: its threads attack the host from isolation, and fail. Each test runs in a
// separate process, because isolation is permanent.
#include "hermitage/vmm/isolation/isolation.hpp"

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hermitage/vmm/isolation/sandbox.hpp"
#include "hermitage/vmm/machine.hpp"
#include "hermitage/vmm/memory/mapped_file.hpp"
#include "hermitage/vmm/net/inherited.hpp"
#include "hermitage/vmm/snapshot/snapshot.hpp"
#include "testing/images.hpp"
#include "testing/input_pipe.hpp"
#include "testing/temporary_directory.hpp"

namespace hermitage::vmm {
namespace {

using isolation::kViolationStatus;
using isolation::OpenPath;
using isolation::Role;

struct Ended {
  int status = -1;  // the exit status, or 128 plus the number of the signal
  std::string said;
};

// The end of a process that calls `what`, and its output on standard error.
auto in_a_process(const std::function<int()>& what) -> Ended {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return {};
  const auto child = ::fork();
  if (child == 0) {
    ::dup2(pipe[1], STDERR_FILENO);
    ::syscall(SYS_exit_group, what());  // AddressSanitizer makes system calls before _exit(2) that a filter may forbid
  }
  ::close(pipe[1]);
  Ended ended;
  std::array<char, 256> piece{};
  for (ssize_t got = 0; (got = ::read(pipe[0], piece.data(), piece.size())) > 0;) {
    ended.said.append(piece.data(), static_cast<std::size_t>(got));
  }
  ::close(pipe[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  ended.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ended;
}

struct Attempt {
  const char* call;  // that the filter forbids
  std::function<void()> make;
};

const std::vector<Attempt>& attempts() {
  static const auto* const parent = new pid_t{::getpid()};
  static const std::vector<Attempt> all{
      {"execve", [] { ::execl("/bin/true", "true", nullptr); }},
      {"execveat", [] { ::syscall(SYS_execveat, AT_FDCWD, "/bin/true", nullptr, nullptr, 0); }},
      {"socket", [] { ::socket(AF_INET, SOCK_STREAM, 0); }},
      {"connect",
       [] {
         const sockaddr_in address{};
         ::connect(0, reinterpret_cast<const sockaddr*>(&address), sizeof address);
       }},
      {"ptrace", [] { ::ptrace(PTRACE_ATTACH, *parent, nullptr, nullptr); }},
      {"process_vm_readv", [] { ::syscall(SYS_process_vm_readv, *parent, nullptr, 0, nullptr, 0, 0); }},
#ifdef __x86_64__  // aarch64 has neither of them
      {"fork", [] { ::syscall(SYS_fork); }},
      {"open", [] { ::syscall(SYS_open, "/etc/shadow", O_RDONLY); }},
#endif
      {"clone", [] { ::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr); }},
      {"clone3", [] { ::syscall(SYS_clone3, nullptr, 0); }},
      {"kill", [] { ::kill(*parent, SIGKILL); }},
      {"tgkill", [] { ::syscall(SYS_tgkill, *parent, *parent, SIGKILL); }},
      {"mmap", [] { ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }},
      {"mprotect",
       [] {
         auto* const page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
         ::mprotect(page, 4096, PROT_READ | PROT_EXEC);
       }},
      {"rt_sigaction", [] { ::syscall(SYS_rt_sigaction, SIGSYS, nullptr, nullptr, 8); }},
      {"prctl", [] { ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); }},
      {"seccomp", [] { ::syscall(SYS_seccomp, 0, 0, nullptr); }},
      {"prlimit64",
       [] {
         const rlimit most{.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
         ::syscall(SYS_prlimit64, 0, RLIMIT_CORE, &most, nullptr);
       }},
      {"io_uring_setup", [] { ::syscall(SYS_io_uring_setup, 1, nullptr); }},
      {"system call 1000", [] { ::syscall(1000); }},
  };
  return all;
}

// The message of a violation.
auto words_about(const char* call) -> std::string {
  const std::string name{call};
  return " thread called " + (name.starts_with("system call") ? name : name + " (");
}

// Imposes all restrictions of a thread with this role in a program.
auto enclose(Role role) -> bool {
  return isolation::guard_process() && isolation::forbid_new_privileges() && isolation::drop_capabilities() &&
         isolation::filter_system_calls(role);
}

class Sandbox : public ::testing::TestWithParam<Role> {};

TEST_P(Sandbox, EndsTheProcessAndNamesTheCall) {
  for (const auto& attempt : attempts()) {
    const auto ended = in_a_process([&] {
      if (!enclose(GetParam())) return 1;
      attempt.make();
      return 0;
    });
    EXPECT_EQ(ended.status, kViolationStatus) << attempt.call << ": " << ended.said;
    EXPECT_NE(ended.said.find(words_about(attempt.call)), std::string::npos) << ended.said;
    EXPECT_NE(ended.said.find(name_of(GetParam())), std::string::npos);
    EXPECT_EQ(ended.said.find('\n'), ended.said.size() - 1) << ended.said;
  }
}

#ifdef __x86_64__
TEST_P(Sandbox, KnowsTheTablesOfOtherArchitectures) {
  const auto x32 = in_a_process([] {
    if (!enclose(GetParam())) return 1;
    ::syscall(0x4000'0000 | SYS_getpid);
    return 0;
  });
  EXPECT_EQ(x32.status, 128 + SIGSYS);
  const auto i386 = in_a_process([] {
    if (!enclose(GetParam())) return 1;
    int number = 20;  // getpid there, and writev here
    asm volatile("int $0x80" : "+a"(number) : : "memory");
    return 0;
  });
  // On a kernel without 32-bit calls, the instruction causes a fault.
  EXPECT_TRUE(i386.status == 128 + SIGSYS || i386.status == 128 + SIGSEGV) << i386.status;
}
#endif

TEST_P(Sandbox, LetsGoOnWhatIsAllowed) {
  const auto ended = in_a_process([] {
    if (!enclose(GetParam())) return 1;
    ::getpid();
    ::syscall(SYS_tgkill, ::getpid(), ::gettid(), 0);
    auto* const page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return ::munmap(page, 4096) == 0 ? 42 : 1;
  });
  EXPECT_EQ(ended.status, 42) << ended.said;
}

INSTANTIATE_TEST_SUITE_P(Role, Sandbox, ::testing::ValuesIn(isolation::kRoles),
                         [](const auto& test) { return name_of(test.param); });

// The format of an empty set of capabilities in /proc.
constexpr const char* kNone = ":\t0000000000000000\n";

// All bits of capabilities(7), except for SECBIT_KEEP_CAPS, which is locked, too.
constexpr int kAllLocked = 0xef;

auto read_file(const std::string& path) -> std::string {
  std::stringstream text;
  text << std::ifstream{path}.rdbuf();
  return text.str();
}

TEST(Sandboxed, HasNoPrivilegesAndIsNotDumped) {
  const testing::TemporaryDirectory directory;
  const auto status_file = directory.file("status");
  const bool is_root = ::geteuid() == 0;
  const auto ended = in_a_process([&] {
    if (!isolation::forbid_new_privileges() || !isolation::drop_capabilities()) return 1;
    std::ofstream{status_file} << std::ifstream{"/proc/thread-self/status"}.rdbuf();
    if (is_root && ::prctl(PR_GET_SECUREBITS, 0, 0, 0, 0) != kAllLocked) return 5;
    rlimit core{};
    if (!isolation::guard_process() || ::getrlimit(RLIMIT_CORE, &core) != 0) return 2;
    if (core.rlim_cur != 0 || core.rlim_max != 0) return 3;
    return ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : 4;
  });
  EXPECT_EQ(ended.status, 0);
  const auto status = read_file(status_file);
  EXPECT_NE(status.find("NoNewPrivs:\t1\n"), std::string::npos);
  for (const auto* const set : {"CapInh", "CapPrm", "CapEff", "CapAmb"}) {
    EXPECT_NE(status.find(std::string{set} + kNone), std::string::npos) << set;
  }
}

TEST(DroppedCapabilities, AreNotThoseOfAProgramThatIsExecuted) {
  const testing::TemporaryDirectory directory;
  const auto command = "cat /proc/self/status >" + directory.file("status");
  const auto ended = in_a_process([&] { return isolation::drop_capabilities() ? std::system(command.c_str()) : 1; });
  EXPECT_EQ(ended.status, 0);
  const auto status = read_file(directory.file("status"));
  for (const auto* const set : {"CapPrm", "CapEff"})
    EXPECT_NE(status.find(std::string{set} + kNone), std::string::npos) << set;
}

class LandlockTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (isolation::landlock_version() == 0) GTEST_SKIP() << "this kernel has no Landlock";
  }
};

auto error_of(long result) -> int {
  return result < 0 ? errno : 0;
}

TEST_F(LandlockTest, LeavesOnlyWhatIsGiven) {
  const testing::TemporaryDirectory given;
  const testing::TemporaryDirectory shown;
  const testing::TemporaryDirectory others;
  for (const auto* const directory : {&given, &shown, &others}) directory->write("file", "content");
  std::filesystem::create_directory(given.file("directory"));
  const auto ended = in_a_process([&] {
    const Descriptor writable{::open(given.path().c_str(), O_PATH | O_CLOEXEC)};
    const Descriptor readable{::open(shown.path().c_str(), O_PATH | O_CLOEXEC)};
    const Descriptor opened{::open(others.file("file").c_str(), O_RDONLY | O_CLOEXEC)};
    const std::array paths{OpenPath{writable.get(), OpenPath::Access::write},
                           OpenPath{readable.get(), OpenPath::Access::read}};
    const auto landlock = isolation::Landlock::make(paths, true);
    if (!landlock || !isolation::forbid_new_privileges() || !landlock->impose()) return 1;
    const auto open = [](const std::string& path, int flags) {
      return error_of(::open(path.c_str(), flags | O_CLOEXEC, 0600));
    };
    if (open(given.file("file"), O_RDWR | O_TRUNC) != 0 || open(given.file("new"), O_CREAT | O_RDWR) != 0) return 2;
    if (::unlink(given.file("new").c_str()) != 0) return 3;
    if (open(shown.file("file"), O_RDONLY) != 0 || open(shown.file("file"), O_WRONLY) != EACCES) return 4;
    if (open(shown.file("new"), O_CREAT | O_RDWR) != EACCES) return 5;
    if (error_of(::unlink(shown.file("file").c_str())) != EACCES) return 6;
    if (open(others.file("file"), O_RDONLY) != EACCES || open("/etc/passwd", O_RDONLY) != EACCES) return 7;
    if (open("/", O_RDONLY) != EACCES || open("/dev/null", O_RDWR) != EACCES) return 8;
    // Only files and directories can be created. Removing a directory and executing a file fail.
    if (error_of(::symlink("/", given.file("link").c_str())) != EACCES) return 9;
    if (error_of(::rmdir(given.file("directory").c_str())) != EACCES) return 10;
    ::chmod(given.file("file").c_str(), 0700);
    ::execl(given.file("file").c_str(), "file", nullptr);
    if (errno != EACCES) return 11;
    char byte = 0;
    return ::read(opened.get(), &byte, 1) == 1 ? 0 : 12;  // open files stay open
  });
  EXPECT_EQ(ended.status, 0);
}

// From version 3. In earlier versions, a thread with a path could truncate the file.
TEST_F(LandlockTest, KeepsFilesThatAreOnlyReadFromBeingTruncated) {
  if (isolation::landlock_version() < 3) return;
  const testing::TemporaryDirectory written;
  const testing::TemporaryDirectory shown;
  const auto truncated = written.write("file", "content");
  const auto kept = shown.write("file", "content");
  const auto ended = in_a_process([&] {
    const Descriptor writable{::open(written.path().c_str(), O_PATH | O_CLOEXEC)};
    const Descriptor readable{::open(kept.c_str(), O_PATH | O_CLOEXEC)};
    const std::array paths{OpenPath{writable.get(), OpenPath::Access::write},
                           OpenPath{readable.get(), OpenPath::Access::read}};
    const auto landlock = isolation::Landlock::make(paths, true);
    if (!landlock || !isolation::forbid_new_privileges() || !landlock->impose()) return 1;
    if (::truncate(truncated.c_str(), 1) != 0) return 2;
    if (error_of(::truncate(kept.c_str(), 1)) != EACCES) return 3;
    return error_of(::open(kept.c_str(), O_RDONLY | O_TRUNC | O_CLOEXEC)) == EACCES ? 0 : 4;
  });
  EXPECT_EQ(ended.status, 0);
  EXPECT_EQ(std::filesystem::file_size(truncated), 1U);
  EXPECT_EQ(std::filesystem::file_size(kept), 7U);
}

TEST_F(LandlockTest, LetsEmptyDirectoriesBeRemovedForCleaningUp) {
  const testing::TemporaryDirectory directory;
  directory.write("file", "content");
  std::filesystem::create_directory(directory.file("empty"));
  const auto ended = in_a_process([&] {
    const Descriptor opened{::open(directory.path().c_str(), O_PATH | O_CLOEXEC)};
    const std::array paths{OpenPath{opened.get(), OpenPath::Access::clean_up}};
    const auto landlock = isolation::Landlock::make(paths, true);
    if (!landlock || !isolation::forbid_new_privileges() || !landlock->impose()) return 1;
    if (error_of(::open(directory.file("file").c_str(), O_RDONLY)) != EACCES) return 2;
    if (error_of(::unlink(directory.file("file").c_str())) != EACCES) return 3;
    if (error_of(::mkdir(directory.file("new").c_str(), 0700)) != EACCES) return 4;
    return ::rmdir(directory.file("empty").c_str()) == 0 ? 0 : 5;
  });
  EXPECT_EQ(ended.status, 0);
}

TEST_F(LandlockTest, LetsSingleFilesBeMadeAndRemoved) {
  const testing::TemporaryDirectory removing;
  const testing::TemporaryDirectory making;
  for (const auto* const directory : {&removing, &making}) {
    directory->write("file", "content");
    std::filesystem::create_directory(directory->file("empty"));
  }
  const auto ended = in_a_process([&] {
    const Descriptor removed{::open(removing.path().c_str(), O_PATH | O_CLOEXEC)};
    const Descriptor made{::open(making.path().c_str(), O_PATH | O_CLOEXEC)};
    const std::array paths{OpenPath{removed.get(), OpenPath::Access::remove_files},
                           OpenPath{made.get(), OpenPath::Access::make_files}};
    const auto landlock = isolation::Landlock::make(paths, true);
    if (!landlock || !isolation::forbid_new_privileges() || !landlock->impose()) return 1;
    const auto open = [](const std::string& path, int flags) {
      return error_of(::open(path.c_str(), flags | O_CLOEXEC, 0600));
    };
    if (open(removing.file("file"), O_RDONLY) != EACCES || open(removing.file("new"), O_CREAT | O_RDWR) != EACCES)
      return 2;
    if (::unlink(removing.file("file").c_str()) != 0) return 3;
    if (open(making.file("new"), O_CREAT | O_RDWR) != 0 || open(making.file("new"), O_RDWR | O_TRUNC) != 0) return 4;
    if (::unlink(making.file("new").c_str()) != 0) return 5;
    for (const auto* const directory : {&removing, &making}) {
      if (open(directory->path(), O_RDONLY) != EACCES) return 6;
      if (error_of(::mkdir(directory->file("directory").c_str(), 0700)) != EACCES) return 7;
      if (error_of(::rmdir(directory->file("empty").c_str())) != EACCES) return 8;
    }
    return 0;
  });
  EXPECT_EQ(ended.status, 0);
}

TEST_F(LandlockTest, KeepsFromTcpAndFromOthers) {
  const auto version = isolation::landlock_version();
  const auto parent = ::getpid();
  const auto ended = in_a_process([&] {
    const auto landlock = isolation::Landlock::make({}, true);
    if (!landlock || !isolation::forbid_new_privileges() || !landlock->impose()) return 1;
    const Descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(9);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const auto connected =
        error_of(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
    if (version >= 4 && connected != EACCES) return 2;
    if (version >= 6 && error_of(::kill(parent, 0)) != EPERM) return 3;
    return 0;
  });
  EXPECT_EQ(ended.status, 0);
}

// Makes a system call fail in this process as on a kernel without it.
auto take_away(unsigned system_call) -> bool {
  std::array<sock_filter, 4> steps{{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                                    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, system_call, 0, 1),
                                    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
                                    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)}};
  const sock_fprog program{.len = steps.size(), .filter = steps.data()};
  return isolation::forbid_new_privileges() && ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

TEST(WallsTest, AreNotBuiltOnALandlockThatIsNotThere) {
  const auto ended = in_a_process([] {
    if (!take_away(SYS_landlock_create_ruleset) || isolation::landlock_version() != 0) return 1;
    const auto normal = Isolation::make({.file_isolation = FileIsolation::normal}, {});
    if (!normal || !normal->lacks_landlock() || !normal->enclose_caller()) return 2;
    const auto none = Isolation::make({.file_isolation = FileIsolation::none}, {});
    if (!none || none->lacks_landlock()) return 3;
    const auto strict = Isolation::make({.file_isolation = FileIsolation::strict}, {});
    if (strict || strict.error().code != ErrorCode::host_failed) return 4;
    return strict.error().message().find("--file-isolation strict needs Landlock") != std::string::npos ? 0 : 5;
  });
  EXPECT_EQ(ended.status, 0);
}

TEST(WallsTest, AreNotSilentlyMissing) {
  const auto ended = in_a_process([] {
    if (!take_away(SYS_seccomp) || isolation::missing_filters().empty()) return 1;
    const auto isolation = Isolation::make({.sandbox = true, .around_caller = true}, {});
    if (!isolation || !isolation->enclose_caller()) return 2;
    const auto sealed = isolation->seal_caller();
    const auto enclosed = isolation->enclose(isolation::Role::vcpu);
    if (sealed || enclosed) return 3;
    return sealed.error().message().find("cannot isolate this process: seccomp") != std::string::npos ? 0 : 4;
  });
  EXPECT_EQ(ended.status, 0);
}

TEST(WallsTest, AreNoneUnlessAskedFor) {
  const auto ended = in_a_process([] {
    const auto isolation = Isolation::make({}, {});
    if (!isolation || !isolation->enclose_caller() || !isolation->seal_caller() ||
        !isolation->enclose(isolation::Role::vcpu))
      return 1;
    if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0 || ::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != 0) return 2;
    return ::open("/", O_RDONLY | O_CLOEXEC) >= 0 ? 0 : 3;
  });
  EXPECT_EQ(ended.status, 0);
}

// Tests with a guest need a working KVM.

auto guest_path(const std::string& name) -> std::string {
  const auto* const lab = std::getenv("LAB");
  return (lab != nullptr ? std::string{lab} + "/guests/" : std::string{HERMITAGE_GUESTS} + "/x86_64/") + name;
}

// Makes a machine with these options.
using MakeMachine = std::function<Result<Machine>(MachineOptions options, GuestFiles files)>;

// Starts a guest.
auto starts(const std::string& guest) -> MakeMachine {
  auto file = std::make_shared<Result<MappedFile>>(MappedFile::open(guest_path(guest)));
  return [file](MachineOptions options, GuestFiles files) -> Result<Machine> {
    if (!*file) return std::unexpected{file->error()};
    return Machine::create({.elf = (*file)->bytes(), .descriptor = (*file)->descriptor()}, std::move(options),
                           std::move(files));
  };
}

// Continues a guest from its snapshot.
auto continues(int snapshot) -> MakeMachine {
  return [snapshot](MachineOptions options, GuestFiles files) -> Result<Machine> {
    const auto saved = snapshot::Snapshot::open(Descriptor{::dup(snapshot)});
    if (!saved) return std::unexpected{saved.error()};
    return Machine::restore(*saved, std::move(options), std::move(files));
  };
}

// Runs a machine in a separate process with this isolation. `hook` is called while the monitor handles a hypercall.
auto run_machine(const MakeMachine& make, IsolationOptions isolation, const std::function<void()>& hook) -> Ended {
  const testing::TemporaryDirectory directory;
  return in_a_process([&] {
    auto machine = make({.ends_in_background = true,
                         .output = NoOutput{},
                         .timeout = std::chrono::seconds{20},
                         .isolation = isolation,
                         .trace = [&](std::string_view) { hook(); }},
                        GuestFiles{directory.path()});
    if (!machine) return 2;
    const auto result = machine->run();
    if (!result) return 3;
    return std::holds_alternative<GuestExit>(result->ending) ? 0 : 4;
  });
}

constexpr IsolationOptions kAll{.file_isolation = FileIsolation::normal, .sandbox = true, .around_caller = true};

// Every attempt of a guest that has taken over the monitor ends the process.
void expect_that_it_is_stopped(const MakeMachine& make) {
  for (const auto& attempt : attempts()) {
    const auto ended = run_machine(make, kAll, attempt.make);
    EXPECT_EQ(ended.status, kViolationStatus) << attempt.call << ": " << ended.said;
    EXPECT_NE(ended.said.find(words_about(attempt.call)), std::string::npos) << ended.said;
  }
}

void expect_that_it_finds_no_file(const MakeMachine& make) {
  if (isolation::landlock_version() == 0) GTEST_SKIP() << "this kernel has no Landlock";
  constexpr IsolationOptions kFiles{.file_isolation = FileIsolation::strict, .sandbox = false, .around_caller = true};
  const auto ended = run_machine(make, kFiles, [] {
    const int file = ::open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    if (file >= 0 || errno != EACCES) ::_exit(42);
  });
  EXPECT_EQ(ended.status, 0);
}

class OwnedMonitor : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
#ifdef HERMITAGE_HAS_SANITIZERS
    GTEST_SKIP() << "sanitizers make system calls of their own";
#endif
    static const bool runs = run_machine(starts(guest()), {}, [] {}).status == 0;
    if (!runs) GTEST_SKIP() << "no guest, or no KVM for it";
  }
  static auto guest() -> std::string { return GetParam() + "/hello"; }
};

TEST_P(OwnedMonitor, RunsItsGuest) {
  const auto ended = run_machine(starts(guest()), kAll, [] {});
  EXPECT_EQ(ended.status, 0) << ended.said;
}

TEST_P(OwnedMonitor, DoesNotStartWithoutItsWalls) {
  const testing::TemporaryDirectory directory;
  const auto ended = in_a_process([&] {
    const auto file = MappedFile::open(guest_path(guest()));
    auto machine = Machine::create({.elf = file->bytes()}, {.output = NoOutput{}, .isolation = kAll},
                                   GuestFiles{directory.path()});
    if (!machine || !take_away(SYS_seccomp)) return 1;
    const auto result = machine->run();
    return result ? 2 : 0;
  });
  EXPECT_EQ(ended.status, 0) << ended.said;
}

TEST_P(OwnedMonitor, IsStopped) {
  expect_that_it_is_stopped(starts(guest()));
}

TEST_P(OwnedMonitor, FindsNoFile) {
  expect_that_it_finds_no_file(starts(guest()));
}

#ifdef __x86_64__  // guests for aarch64 have no network
auto cpu_time_of_process() -> std::chrono::nanoseconds {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return std::chrono::seconds{used.tv_sec} + std::chrono::nanoseconds{used.tv_nsec};
}

// The thread of a network card waits in a pause without working, although frames arrive. After that, the run continues
// and ends normally.
TEST_P(OwnedMonitor, PausesItsNetwork) {
  using namespace std::chrono_literals;
  const testing::TemporaryDirectory directory;
  const auto ended = in_a_process([&] {
    std::array<int, 2> wire{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, wire.data()) != 0) return 1;
    auto backend = net::open_inherited(wire[1]);
    ::close(wire[1]);
    const auto file = MappedFile::open(guest_path(GetParam() + "/net"));
    if (!backend || !file) return 2;
    MachineOptions options{
        .arguments = {.program = "net", .kernel = {}, .application = {"ip=10.0.5.3/24"}, .environment = {}},
        .output = NoOutput{},
        .timeout = 30s,
        .isolation = kAll};
    options.network = NetworkOptions{.backend = *std::move(backend), .card = {.mac = {2, 0, 0, 0, 0, 5}}};
    auto machine = Machine::create({.elf = file->bytes()}, std::move(options), GuestFiles{directory.path()});
    if (!machine) return 3;
    std::thread runner{[&] { std::ignore = machine->run(); }};
    std::this_thread::sleep_for(100ms);
    if (machine->pause() != PauseOutcome::paused) return 4;
    const std::array<std::byte, 60> frame{};
    for (int i = 0; i < 10; ++i) std::ignore = ::send(wire[0], frame.data(), frame.size(), MSG_DONTWAIT);
    const auto before = cpu_time_of_process();
    std::this_thread::sleep_for(400ms);
    const bool is_idle = cpu_time_of_process() - before < 200ms;
    machine->resume();
    machine->stop(1);
    runner.join();
    return is_idle ? 0 : 5;
  });
  EXPECT_EQ(ended.status, 0) << ended.said;
}
#endif

// Only the vCPUs are isolated: the calling thread continues as before.
TEST_P(OwnedMonitor, LeavesTheCallerAlone) {
  const testing::TemporaryDirectory directory;
  const auto ended = in_a_process([&] {
    const auto file = MappedFile::open(guest_path(guest()));
    const bool can_have_two =
        arch::kArch == entry::Arch::x86_64 || GetParam() != "if1";  // Hermit 0.11 for aarch64: one
    auto machine = Machine::create(
        {.elf = file->bytes()},
        {.cpu_count = can_have_two ? 2U : 1U, .output = NoOutput{}, .isolation = {FileIsolation::normal, true, false}},
        GuestFiles{directory.path()});
    if (!machine || !machine->run()) return 1;
    if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0 || ::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != 0) return 2;
    if (::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 1) return 3;
    std::thread{[] {}}.join();
    return ::open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 ? 0 : 4;
  });
  EXPECT_EQ(ended.status, 0) << ended.said;
}

// The same for a guest that continues from a snapshot.
class RestoredMonitor : public OwnedMonitor {
 protected:
  void SetUp() override {
    OwnedMonitor::SetUp();
    if (IsSkipped()) return;
    ASSERT_EQ(::fchmod(snapshot.get(), 0600), 0);
    save();
    input_.emplace("");
  }

  Descriptor snapshot{::memfd_create("snapshot", MFD_CLOEXEC)};

 private:
  // The guest waits for input when it is saved, and will find its end.
  void save() {
    const testing::TemporaryDirectory directory;
    const testing::InputPipe input;
    MachineOptions options{.output = OutputFile{directory.file("output")}, .timeout = std::chrono::seconds{20}};
    options.snapshot =
        SnapshotOptions{.file = Descriptor{::dup(snapshot.get())}, .image = "echo", .when_output = "ready"};
    auto machine = starts(GetParam() + "/serial_echo")(std::move(options), GuestFiles{directory.path()});
    ASSERT_TRUE(machine) << machine.error().message();
    const auto result = machine->run();
    ASSERT_TRUE(result) << result.error().message();
    ASSERT_TRUE(result->saved && *result->saved);
  }

  std::optional<testing::InputPipe> input_;
};

TEST_P(RestoredMonitor, RunsItsGuest) {
  const auto ended = run_machine(continues(snapshot.get()), kAll, [] {});
  EXPECT_EQ(ended.status, 0) << ended.said;
}

TEST_P(RestoredMonitor, IsStopped) {
  expect_that_it_is_stopped(continues(snapshot.get()));
}

TEST_P(RestoredMonitor, FindsNoFile) {
  expect_that_it_finds_no_file(continues(snapshot.get()));
}

INSTANTIATE_TEST_SUITE_P(Interface, OwnedMonitor, ::testing::Values("if1", "if3"),
                         [](const auto& test) { return test.param; });
INSTANTIATE_TEST_SUITE_P(Interface, RestoredMonitor, ::testing::Values("if1", "if3"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace hermitage::vmm
