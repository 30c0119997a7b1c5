// Makes machines, and runs guests in them if KVM works.
#include "hermitage/vmm/machine.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hermitage/vmm/machine_testing.hpp"
#include "hermitage/vmm/memory/mapped_file.hpp"
#include "testing/images.hpp"
#include "testing/kernels.hpp"
#include "testing/temporary_directory.hpp"

namespace hermitage::vmm {
namespace {

using namespace std::chrono_literals;
using entry::Arch;
using entry::Endian;
using Bytes = std::vector<std::byte>;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

// The error of create() for invalid options, before it opens KVM.
auto error_with(MachineOptions options,
                const Bytes& elf = write(testing::minimal_kernel(Arch::x86_64, Endian::little, true))) -> Error {
  const auto machine = Machine::create({.elf = elf}, std::move(options), GuestFiles{"/tmp"});
  return machine ? Error{ErrorCode::kvm_failed, "there is none"} : machine.error();
}

TEST(Machine, ChecksItsMemory) {
  struct Case {
    std::uint64_t size;
    const char* words;
  };
  for (const auto& [size, words] :
       {Case{0, "at least 16 MiB"}, Case{14 * kMiB, "at least 16 MiB"}, Case{16 * kMiB - 1, "at least 16 MiB"},
        Case{17 * kMiB, "the next multiple is 18 MiB"}, Case{64'000'000, "the next multiple is 62 MiB"},
        Case{62 * 1024 * kMiB, "at most 60 GiB"}, Case{UINT64_MAX, "not a multiple of 2 MiB"},
        Case{UINT64_MAX - 2 * kMiB + 1, "at most 60 GiB"}}) {
    const auto error = error_with({.memory_size = size});
    EXPECT_EQ(error.code, ErrorCode::configuration) << size;
    EXPECT_NE(error.message().find(words), std::string::npos) << error.message();
  }
}

TEST(Machine, ChecksItsProcessors) {
  EXPECT_EQ(error_with({.cpu_count = 0}).code, ErrorCode::configuration);
  const auto too_few = error_with({.cpu_count = 2, .affinity = {0}});
  EXPECT_EQ(too_few.code, ErrorCode::configuration);
  EXPECT_NE(too_few.message().find("cannot bind 2 vCPUs to a list of 1"), std::string::npos) << too_few.message();
  for (const unsigned none : {100'000U, 1023U, UINT32_MAX}) {
    const auto missing = error_with({.affinity = {none}});
    EXPECT_EQ(missing.code, ErrorCode::configuration);
    EXPECT_NE(missing.message().find("this process cannot use CPU " + std::to_string(none)), std::string::npos);
  }
}

TEST(Machine, ChecksItsKernel) {
  EXPECT_EQ(error_with({}, Bytes{}).code, ErrorCode::image);
  EXPECT_EQ(error_with({}, write(testing::minimal_kernel(Arch::riscv64, Endian::little, true))).code, ErrorCode::image);
  EXPECT_NE(error_with({.memory_size = 16 * kMiB}, testing::large_kernel(32 * kMiB)).message().find("34 MiB"),
            std::string::npos);
}

TEST(Machine, ChecksItsArguments) {
  EXPECT_EQ(error_with({.output = OutputFile{"/nowhere/file"}}).code, ErrorCode::host_failed);
  auto old = testing::minimal_kernel(Arch::x86_64, Endian::little, true);
  old.notes = {testing::hermit_note()};
  const auto error = error_with({.arguments = {.program = "p",
                                               .kernel = {},
                                               .application = std::vector<std::string>(128, "w"),
                                               .environment = {}}},
                                write(old));
  EXPECT_EQ(error.code, ErrorCode::configuration);
}

// The other tests need a KVM that runs guests.

auto text_of(const std::string& path) -> std::string {
  std::ifstream file{path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

constexpr std::string_view kHello = "Hello from a Hermit kernel in C++\n";

TEST_P(MachineTest, SaysHello) {
  for (const auto* const name : {"hello", "hello-fixed"}) {
    const auto result = run(name);
    EXPECT_EQ(exit_code(result), 0);
    EXPECT_EQ(result.output, kHello);
  }
}

TEST_P(MachineTest, SaysHelloFromAnywhere) {
  const testing::TemporaryDirectory files;
  const auto path = guest_path(GetParam() + "/hello");
  for (int i = 0; i < 5; ++i) {
    const auto file = MappedFile::open(path).value();
    auto machine = Machine::create({.elf = file.bytes(), .descriptor = file.descriptor()},
                                   {.output = OutputBuffer{}, .timeout = 60s}, GuestFiles{files.path()});
    ASSERT_TRUE(machine) << machine.error().message();
    const auto result = machine->run();
    ASSERT_TRUE(result);
    EXPECT_EQ(exit_code(*result), 0) << std::hex << machine->layout().memory.start.value;
    EXPECT_EQ(result->output, kHello);
  }
}

TEST_P(MachineTest, IsWhereItAlwaysIsWithoutRandomness) {
  const auto machine = create("hello", {.randomizes_addresses = false, .output = NoOutput{}});
  EXPECT_EQ(machine.layout().memory.start.value, GetParam() == "if1" ? 0 : std::uint64_t{4} << 30);
  EXPECT_EQ(machine.layout().memory.end.value - machine.layout().memory.start.value, base::kDefaultMemory);
}

TEST_P(MachineTest, WritesToFiles) {
  const auto path = directory.file("output");
  const auto result = run("hello", {.output = OutputFile{path}});
  EXPECT_EQ(exit_code(result), 0);
  EXPECT_EQ(result.output, "");
  EXPECT_EQ(text_of(path), kHello);
  EXPECT_EQ(exit_code(run("hello", {.output = NoOutput{}})), 0);
}

TEST_P(MachineTest, SaysWhenOutputFails) {
  for (const OutputTarget& target : {OutputTarget{OutputFile{"/dev/full"}}, OutputTarget{OutputBuffer{.limit = 5}}}) {
    const auto result = run("hello", {.output = target});
    const auto* const failed = std::get_if<OutputFailed>(&result.ending);
    ASSERT_NE(failed, nullptr);
    EXPECT_EQ(failed->error_number, std::holds_alternative<OutputFile>(target) ? ENOSPC : EFBIG);
  }
}

// A guest that runs without any exits does not notice that no process reads its output.
TEST_P(MachineTest, EndsWhenNobodyReadsAnyMore) {
  if (GetParam() == "if2") GTEST_SKIP() << "has no such guest";
  const auto path = directory.file("pipe");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  Descriptor reader{::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
  auto machine =
      create("hostile", {.arguments = {.program = "p", .kernel = {}, .application = {"loop"}, .environment = {}},
                         .output = OutputFile{path},
                         .timeout = 60s});
  reader = Descriptor{};
  ::signal(SIGPIPE, SIG_IGN);
  const auto result = machine.run();
  ASSERT_TRUE(result);
  const auto* const failed = std::get_if<OutputFailed>(&result->ending);
  ASSERT_NE(failed, nullptr);
  EXPECT_EQ(failed->error_number, EPIPE);
}

// The time limit also applies to output that is pending when the guest has ended by itself.
TEST_P(MachineTest, KeepsItsTimeLimitAfterTheGuestHasEnded) {
  const auto path = directory.file("pipe");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const Descriptor reader{::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
  {
    const Descriptor writer{::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC)};
    const std::array<char, 4096> block{};
    while (::write(writer.get(), block.data(), block.size()) > 0) continue;
  }
  const auto result = create("hello", {.output = OutputFile{path}, .timeout = 500ms}).run();
  ASSERT_TRUE(result);
  EXPECT_TRUE(std::holds_alternative<TimedOut>(result->ending));
  EXPECT_EQ(result->undelivered_output, kHello.size());
}

TEST_P(MachineTest, RunsWithEveryOption) {
  const auto result = run("hello", {.memory_size = 16 * kMiB,
                                    .cpu_count = 1,
                                    .affinity = {static_cast<unsigned>(::sched_getcpu())},
                                    .mounts = {"/etc", "/root"}});
  EXPECT_EQ(exit_code(result), 0);
  EXPECT_EQ(result.output, kHello);
}

auto open_descriptors() -> std::ptrdiff_t {
  return std::distance(std::filesystem::directory_iterator{"/proc/self/fd"}, {});
}

TEST_P(MachineTest, EndsInBackground) {
  const auto before = open_descriptors();
  for (int i = 0; i < 8; ++i) {
    const auto result = run("hello", {.ends_in_background = true});
    EXPECT_EQ(exit_code(result), 0);
    EXPECT_EQ(result.output, kHello);
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST_P(MachineTest, CountsWhatTheGuestDid) {
  const auto result = run("hello");
  const auto& statistics = result.statistics;
  const auto exits = statistics.exits.find("hypercall exit");
  ASSERT_NE(exits, statistics.exits.end());
  EXPECT_EQ(exits->second, (std::vector<std::uint64_t>{1}));
  EXPECT_GT(statistics.preparation, 0ns);
  EXPECT_GT(statistics.run_time, 0ns);
  EXPECT_LT(statistics.run_time, 60s);
  EXPECT_GT(statistics.peak_memory, kMiB);
}

TEST_P(MachineTest, MergesPagesWhereThatIsAskedFor) {
  if (!std::filesystem::exists("/sys/kernel/mm/ksm")) GTEST_SKIP() << "this Linux merges no pages";
  const auto can_be_merged = [] { return text_of("/proc/self/smaps").find(" mg") != std::string::npos; };
  ASSERT_FALSE(can_be_merged());
  const auto machine = create("hello", {.merges_pages = true, .output = NoOutput{}});
  EXPECT_TRUE(can_be_merged());
}

TEST_P(MachineTest, TracesHypercalls) {
  std::vector<std::string> lines;
  run("hello", {.trace = [&](std::string_view line) { lines.emplace_back(line); }});
  ASSERT_FALSE(lines.empty());
  EXPECT_EQ(lines.back(), "exit(0)");
}

// Guests that exist for interfaces 1 and 3.
class ApplicationTest : public MachineTest {};

TEST_P(ApplicationTest, ExitsWithAnyCode) {
  for (const std::int32_t code : {0, 1, 42, 255, 256, -1, INT32_MIN, INT32_MAX}) {
    const auto result =
        run("exit_code",
            {.arguments = {
                 .program = "exit_code", .kernel = {}, .application = {std::to_string(code)}, .environment = {}}});
    EXPECT_EQ(exit_code(result), code);
  }
}

TEST_P(ApplicationTest, FindsItsArguments) {
  const auto result = run("args_env", {.arguments = {.program = "the/image",
                                                     .kernel = {},
                                                     .application = {"one", "two words", "", "it's", "grüße"},
                                                     .environment = {"A=1", "B=x y"}}});
  EXPECT_EQ(exit_code(result), 0);
  for (const auto* const line : {"argument 0: one\n", "argument 1: two words\n", "argument 2: \n", "argument 3: it's\n",
                                 "argument 4: grüße\n", "variable 0: A=1\n", "variable 1: B=x y\n"}) {
    EXPECT_NE(result.output.find(line), std::string::npos) << line << result.output;
  }
}

// KVM can collect the bytes that interface 1 prints. With interface 3, a register contains the byte, and each write is
// an exit.
TEST_P(ApplicationTest, PrintsEachByteOnce) {
  const Descriptor before{::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)};
  const Descriptor input{::open(directory.write("input", "abc").c_str(), O_RDONLY | O_CLOEXEC)};
  ASSERT_EQ(::dup2(input.get(), STDIN_FILENO), STDIN_FILENO);
  const auto result = run("serial_echo");
  if (before.is_open()) ::dup2(before.get(), STDIN_FILENO);
  EXPECT_EQ(result.output, "ready\nabc3 bytes\n");
  const auto& statistics = result.statistics;
  const auto exits = statistics.exits.find(GetParam() == "if1" ? "hypercall uart" : "hypercall serial_write_byte");
  const auto exit_count = exits == statistics.exits.end() ? 0 : exits->second.front();
  EXPECT_EQ(exit_count + statistics.coalesced_writes, 3U);
  if (GetParam() == "if3") {
    EXPECT_EQ(statistics.coalesced_writes, 0U);
  }
}

TEST_P(ApplicationTest, HasAsManyProcessorsAsAreWanted) {
  for (const std::uint32_t count : {1U, 2U, 5U}) {
    const auto result = run("smp", {.cpu_count = count});
    EXPECT_EQ(exit_code(result), 0);
    std::string expected;
    for (std::uint32_t cpu = 0; cpu < count; ++cpu) {
      expected += "CPU " + std::to_string(cpu) + " of " + std::to_string(count) + "\n";
    }
    EXPECT_EQ(result.output, expected);
    EXPECT_EQ(result.statistics.exits.at("hypercall exit").size(), count);
  }
}

TEST_P(ApplicationTest, KeepsFiles) {
  const auto result = run("files");
  EXPECT_EQ(exit_code(result), 0) << result.output;
  EXPECT_TRUE(directory.is_empty()) << "and leaves none behind";
}

TEST_P(ApplicationTest, WritesACoreWhenItCrashes) {
  const auto options_for = [this](const std::string& way) {
    MachineOptions options{.arguments = {.program = "crash", .kernel = {}, .application = {way}, .environment = {}}};
    options.core = debug::CoreOptions{
        .file = debug::open_core(directory.file("core")).value(), .image = "the image", .program = "p"};
    return options;
  };
  const auto crashed = run("crash", options_for("jump"));
  ASSERT_TRUE(crashed.core.has_value());
  ASSERT_TRUE(*crashed.core) << crashed.core->error().message();
  EXPECT_TRUE((*crashed.core)->is_complete);
  const auto bytes = testing::read_bytes(directory.file("core"));
  const std::string_view text{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  EXPECT_TRUE(
      text.starts_with("\x7f"
                       "ELF"));
  EXPECT_TRUE(text.contains("image: the image\nend: vCPU 0 crashed: "));
  EXPECT_TRUE(text.contains("Hello from the guest crash"));
  EXPECT_FALSE(run("crash", options_for("exit")).core.has_value());
  auto on_exit = options_for("exit");
  on_exit.core->on_exit = true;
  const auto exited = run("crash", std::move(on_exit));
  EXPECT_EQ(exit_code(exited), 7);
  EXPECT_TRUE(exited.core.has_value());
  auto tiny = options_for("jump");
  tiny.core->limit = 4096;
  const auto limited = run("crash", std::move(tiny));
  EXPECT_EQ(limited.core->value(), (debug::CoreSummary{.size = 4096, .is_complete = false}));
}

// The guest `hostile` makes one kind of attack.
class HostileTest : public ApplicationTest {
 protected:
  auto options_for(const std::string& thing) -> MachineOptions {
    return {.arguments = {.program = "hostile", .kernel = {}, .application = {thing}, .environment = {}}};
  }
  auto run_thing(const std::string& thing) -> RunResult { return run("hostile", options_for(thing)); }
};

TEST_P(HostileTest, IsTold) {
  for (const auto* const thing :
       {"buffer-outside", "name-outside", "name-long", "name-empty", "name-escape", "results-outside",
        "bad-descriptors", "close-standard", "bad-lseek", "bad-open-flags", "open-many", "page-tables-loop",
        "page-tables-outside", "ports", "unknown-hypercalls"}) {
    const auto result = run_thing(thing);
    EXPECT_EQ(exit_code(result), 0) << thing << "\n" << result.output;
    EXPECT_NE(result.output.find("survived\n"), std::string::npos) << thing << "\n" << result.output;
    EXPECT_TRUE(directory.is_empty()) << thing;
  }
}

TEST_P(HostileTest, Dies) {
  for (const auto* const thing : {"params-outside", "params-behind-end", "params-across-end", "params-wrap",
                                  "params-before-start", "serial-outside", "serial-huge"}) {
    const auto result = run_thing(thing);
    const auto* const crash = std::get_if<GuestCrash>(&result.ending);
    ASSERT_NE(crash, nullptr) << thing << "\n" << result.output;
    EXPECT_NE(crash->reason.find("invalid hypercall "), std::string::npos) << crash->reason;
    EXPECT_NE(crash->reason.find("outside of its memory"), std::string::npos) << crash->reason;
    EXPECT_EQ(crash->cpu, 0U);
    EXPECT_NE(crash->registers.rip, 0U);
    ASSERT_EQ(result.hypercalls.size(), 1U);
    EXPECT_FALSE(result.hypercalls.front().empty());
  }
}

TEST_P(HostileTest, DiesOfItself) {
  for (const auto* const thing : {"mmio-read", "mmio-write", "no-page-tables", "page-fault", "invalid-opcode",
                                  "division-by-zero", "jump-away", "triple-fault"}) {
    const auto result = run_thing(thing);
    const auto* const crash = std::get_if<GuestCrash>(&result.ending);
    ASSERT_NE(crash, nullptr) << thing << "\n" << result.output;
    EXPECT_FALSE(crash->reason.empty());
  }
}

TEST_P(HostileTest, WritesAsMuchAsItWants) {
  auto options = options_for("write-huge");
  options.output = NoOutput{};
  EXPECT_EQ(exit_code(run("hostile", std::move(options))), 0);
  options = options_for("write-huge");
  options.output = OutputBuffer{.limit = kMiB};
  const auto result = run("hostile", std::move(options));
  EXPECT_TRUE(std::holds_alternative<OutputFailed>(result.ending));
  EXPECT_EQ(result.output, std::string(kMiB, '.'));
}

// Endless guests: one runs, one sleeps.
constexpr std::array kEndless{"loop", "halt"};

TEST_P(HostileTest, IsToldOfAProcessorThatItsKernelDoesNotKnow) {
  auto options = options_for("stay");
  options.arguments.application.emplace_back("fault");
  options.cpu_count = 2;
  const auto result = run("waits", std::move(options));
  const auto* const crash = std::get_if<GuestCrash>(&result.ending);
  ASSERT_NE(crash, nullptr);
  EXPECT_EQ(crash->cpu, 1U);
  EXPECT_NE(crash->reason.find("built without SMP"), std::string::npos) << crash->reason;
}

TEST_P(HostileTest, EndsWhenItsTimeIsOver) {
  for (const auto* const thing : kEndless) {
    auto options = options_for(thing);
    options.timeout = 100ms;
    const auto begin = std::chrono::steady_clock::now();
    const auto result = run("hostile", std::move(options));
    EXPECT_TRUE(std::holds_alternative<TimedOut>(result.ending)) << thing;
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 100ms);
    EXPECT_GE(result.statistics.preparation + result.statistics.run_time, 100ms);
  }
}

TEST_P(HostileTest, EndsWhenStoppedByAnotherThread) {
  for (const auto* const thing : kEndless) {
    auto options = options_for(thing);
    options.cpu_count = 2;
    options.output = OutputBuffer{};
    auto machine = create("hostile", std::move(options));
    std::thread stopper{[&] {
      std::this_thread::sleep_for(50ms);
      machine.stop(15);
      machine.stop(2);
    }};
    const auto result = machine.run();
    stopper.join();
    ASSERT_TRUE(result);
    ASSERT_TRUE(std::holds_alternative<Stopped>(result->ending)) << thing;
    EXPECT_EQ(std::get<Stopped>(result->ending).reason, 15) << "the first counts";
  }
}

TEST_P(HostileTest, EndsBeforeItBegins) {
  for (const auto* const thing : kEndless) {
    auto options = options_for(thing);
    options.output = OutputBuffer{};
    auto machine = create("hostile", std::move(options));
    machine.stop(7);
    const auto result = machine.run();
    ASSERT_TRUE(result);
    ASSERT_TRUE(std::holds_alternative<Stopped>(result->ending));
    EXPECT_EQ(std::get<Stopped>(result->ending).reason, 7);
    EXPECT_EQ(result->output, "");
  }
}

TEST_P(HostileTest, IsHeardWhileItRuns) {
  for (const std::uint32_t cpu_count : {1U, 2U}) {
    auto options = options_for("loop");
    options.cpu_count = cpu_count;
    const auto path = directory.file("output " + std::to_string(cpu_count));
    options.output = OutputFile{path};
    auto machine = create("hostile", std::move(options));
    std::thread listener{[&] {
      const auto limit = std::chrono::steady_clock::now() + 60s;
      while (text_of(path) != "round and round" && std::chrono::steady_clock::now() < limit) {
        std::this_thread::sleep_for(1ms);
      }
      EXPECT_EQ(text_of(path), "round and round") << cpu_count;
      machine.stop(1);
    }};
    const auto result = machine.run();
    listener.join();
    ASSERT_TRUE(result);
    EXPECT_TRUE(std::holds_alternative<Stopped>(result->ending));
  }
}

std::atomic<Machine*> machine_to_stop = nullptr;

TEST_P(HostileTest, EndsWhenStoppedByASignal) {
  struct sigaction action{};
  struct sigaction before{};
  action.sa_handler = [](int signal) { machine_to_stop.load()->stop(signal); };
  ASSERT_EQ(::sigaction(SIGALRM, &action, &before), 0);
  for (const auto* const thing : kEndless) {
    auto options = options_for(thing);
    options.output = OutputBuffer{};
    auto machine = create("hostile", std::move(options));
    machine_to_stop = &machine;
    ::ualarm(50'000, 0);
    const auto result = machine.run();
    ASSERT_TRUE(result);
    ASSERT_TRUE(std::holds_alternative<Stopped>(result->ending));
    EXPECT_EQ(std::get<Stopped>(result->ending).reason, SIGALRM);
  }
  ::sigaction(SIGALRM, &before, nullptr);
}

// As in servers with one thread for all signals.
TEST_P(HostileTest, EndsInAThreadThatBlocksSignals) {
  for (const auto* const thing : kEndless) {
    std::optional<RunResult> result;
    std::thread blocked{[&] {
      sigset_t all;
      ::sigfillset(&all);
      ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
      auto options = options_for(thing);
      options.timeout = 50ms;
      result = run("hostile", std::move(options));
    }};
    blocked.join();
    EXPECT_TRUE(std::holds_alternative<TimedOut>(result->ending));
  }
}

TEST_P(ApplicationTest, TakesAnyTimeLimit) {
  for (const auto limit : {std::chrono::nanoseconds::max(), std::chrono::nanoseconds{1h} * 24 * 365}) {
    EXPECT_EQ(exit_code(run("hello", {.timeout = limit})), 0);
  }
  EXPECT_TRUE(std::holds_alternative<TimedOut>(
      run("hostile",
          {.arguments = {.program = "p", .kernel = {}, .application = {"loop"}, .environment = {}}, .timeout = 0ns})
          .ending));
}

TEST_P(ApplicationTest, LeavesTheCallersThreadAsItWas) {
  cpu_set_t before{};
  cpu_set_t after{};
  ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
  EXPECT_EQ(exit_code(run("hello", {.affinity = {static_cast<unsigned>(::sched_getcpu())}})), 0);
  ASSERT_EQ(::sched_getaffinity(0, sizeof after, &after), 0);
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
}

TEST_P(ApplicationTest, CannotBeFixedBelowItsMemory) {
  if (GetParam() != "if3") GTEST_SKIP() << "by interface 1, there is nothing below it";
  const auto elf = testing::read_bytes(guest_path("if3-low/hello-fixed"));
  const auto error = error_with({}, elf);
  EXPECT_EQ(error.code, ErrorCode::image);
  EXPECT_NE(error.message().find("4 GiB"), std::string::npos) << error.message();
}

const auto kName = [](const auto& info) { return info.param; };

// Its parent sees the end of one process, and then the end of its output.
TEST_P(HostileTest, LeavesNoProcessBehindWhenItEndsInBackground) {
  ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
  for (const bool is_killed : {false, true}) {
    std::array<int, 2> output{};
    ASSERT_EQ(::pipe2(output.data(), O_CLOEXEC), 0);
    const auto child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::dup2(output[1], STDOUT_FILENO);
      ::close(output[1]);
      auto options = options_for(is_killed ? "loop" : "bad-descriptors");
      options.ends_in_background = true;
      options.timeout = 60s;
      options.trace = [](std::string_view line) {
        [[maybe_unused]] const auto written = ::write(STDOUT_FILENO, line.data(), line.size());
      };
      ::_exit(create("hostile", std::move(options)).run() ? 0 : 1);
    }
    ::close(output[1]);
    char byte = 0;
    EXPECT_EQ(::read(output[0], &byte, 1), 1);  // the guest runs
    if (is_killed) ::kill(child, SIGKILL);
    while (::read(output[0], &byte, 1) > 0) {
    }
    ::close(output[0]);
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, is_killed ? SIGKILL : 0);
    EXPECT_EQ(::waitpid(-1, nullptr, __WALL), -1);
    EXPECT_EQ(errno, ECHILD);
  }
  ::prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
}

INSTANTIATE_TEST_SUITE_P(Interface, MachineTest, ::testing::Values("if1", "if2", "if3"), kName);
INSTANTIATE_TEST_SUITE_P(Interface, ApplicationTest, ::testing::Values("if1", "if3"), kName);
INSTANTIATE_TEST_SUITE_P(Interface, HostileTest, ::testing::Values("if1", "if3"), kName);

}  // namespace
}  // namespace hermitage::vmm
