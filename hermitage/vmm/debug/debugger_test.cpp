// Guests of this project, debugged over a socket by a small client. If the host's KVM does not support a kind of
// breakpoint, the debugger uses another one, so the results are the same on each host.
#include "hermitage/vmm/debug/debugger.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "hermitage/entry/kernel_object.hpp"
#include "hermitage/vmm/arch/arch.hpp"
#include "hermitage/vmm/debug/hex.hpp"
#include "hermitage/vmm/debug/listener.hpp"
#include "hermitage/vmm/debug/packets.hpp"
#include "hermitage/vmm/machine.hpp"
#include "hermitage/vmm/machine_testing.hpp"
#include "testing/images.hpp"

namespace hermitage::vmm::debug {
namespace {

using namespace std::chrono_literals;

constexpr auto kLimit = 30s;
constexpr auto kNoNews = 60ms;  // the time without unexpected packets

// Sanitizers make additional system calls.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr bool kHasSandbox = false;
#else
constexpr bool kHasSandbox = true;
#endif

constexpr unsigned kProgramCounter = 16;

class Client {
 public:
  explicit Client(const std::string& path) : socket_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    path.copy(std::begin(address.sun_path), path.size());
    EXPECT_EQ(::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }

  void send(std::string_view bytes) const {
    EXPECT_EQ(::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }
  void send_packet(std::string_view packet) const { send(framed(packet)); }

  // The next packet: "nothing" if none arrives in time, "closed" at the end of the connection.
  auto receive(std::chrono::milliseconds limit = kLimit) -> std::string {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    for (;;) {
      while (const auto received = reader_.next()) {
        if (const auto* const packet = std::get_if<Packet>(&*received)) return packet->data;
      }
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      pollfd readable{.fd = socket_.get(), .events = POLLIN, .revents = 0};
      if (::poll(&readable, 1, std::max(0, static_cast<int>(left.count()))) <= 0) return "nothing";
      std::array<char, 4096> buffer{};
      const auto size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
      if (size <= 0) return "closed";
      reader_.add({buffer.data(), static_cast<std::size_t>(size)});
    }
  }
  auto ask(std::string_view packet) -> std::string {
    send_packet(packet);
    return receive();
  }
  // The output of GDB's `monitor`.
  auto command(std::string_view words) -> std::string {
    send_packet("qRcmd," + to_hex(words));
    std::string output;
    for (;;) {
      const auto packet = receive();
      if (!packet.starts_with('O') || packet == "OK") return output;
      const auto bytes = parse_hex_bytes(packet.substr(1)).value();
      output.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
  }
  auto register_of(unsigned number) -> std::uint64_t {
    const auto bytes = parse_hex_bytes(ask(fmt::format("p{:x}", number)));
    std::uint64_t value = 0;
    if (bytes && bytes->size() == sizeof value) std::memcpy(&value, bytes->data(), sizeof value);
    return value;
  }
  auto program_counter() -> std::uint64_t { return register_of(kProgramCounter); }
  // For a vCPU, counted from 0.
  auto program_counter(unsigned vcpu) -> std::uint64_t {
    EXPECT_EQ(ask(fmt::format("Hg{:x}", vcpu + 1)), "OK");
    return program_counter();
  }

 private:
  Descriptor socket_;
  PacketReader reader_;
};

auto thread_of(std::string_view stop) -> unsigned {
  constexpr std::string_view kThread = "thread:";
  const auto start = stop.find(kThread);
  if (start == std::string_view::npos) return 0;
  auto rest = stop.substr(start + kThread.size());
  return static_cast<unsigned>(parse_hex(take_until(rest, ';')).value_or(0));
}

class DebuggerTest : public MachineTest {
 protected:
  void TearDown() override {
    if (thread_.joinable()) stop();
  }

  void start(const std::string& name, std::vector<std::string> arguments = {}, unsigned cpus = 1, bool waits = true) {
    elf_ = testing::read_bytes(guest_path(GetParam() + "/" + name));
    auto listener = listen_at("unix:" + directory.file("gdb"));
    ASSERT_TRUE(listener) << listener.error().message();
    MachineOptions options{
        .cpu_count = cpus,
        .arguments = {.program = name, .kernel = {}, .application = std::move(arguments), .environment = {}},
        .output = OutputBuffer{},
        .isolation = {.sandbox = kHasSandbox}};
    options.trace = [this](std::string_view) { ++hypercalls_; };
    options.debug =
        DebugOptions{.listener = std::move(*listener), .waits = waits, .file_name = "/guests/" + name, .file = elf_};
    machine_.emplace(create(name, std::move(options)));
    thread_ = std::thread{[this] { result_.emplace(machine_->run()); }};
  }
  auto client() const -> Client { return Client{directory.file("gdb")}; }
  // Whether the guest runs.
  auto makes_hypercalls() const -> bool {
    constexpr int kMany = 20;
    const int goal = hypercalls_ + kMany;
    const auto limit = std::chrono::steady_clock::now() + kLimit;
    while (hypercalls_ < goal && std::chrono::steady_clock::now() < limit) std::this_thread::sleep_for(1ms);
    return hypercalls_ >= goal;
  }
  // Waits for the end of the run.
  auto join() -> RunResult& {
    thread_.join();
    machine_.reset();
    return **result_;
  }
  auto stop() -> RunResult& {
    machine_->stop(1);
    return join();
  }

  // The address of a symbol with this name, or with this string in its name.
  auto address_of(std::string_view name, Client& debugger) const -> std::uint64_t {
    const auto kernel = entry::KernelObject::parse(elf_);
    const auto symbols = kernel->file().symbols();
    auto offsets = debugger.ask("qOffsets");
    std::string_view text = offsets;
    [[maybe_unused]] const auto section = take_until(text, '=');
    const auto offset = parse_hex(take_until(text, ';')).value();
    for (const auto& symbol : symbols.symbols()) {
      if (symbols.name(symbol) == name) return symbol.value + offset;
    }
    for (const auto& symbol : symbols.symbols()) {
      if (symbols.name(symbol).contains(name)) return symbol.value + offset;
    }
    ADD_FAILURE() << "no symbol " << name;
    return 0;
  }
  // Runs to a function, with a breakpoint that is removed again.
  void run_to(Client& debugger, std::uint64_t address) {
    ASSERT_EQ(debugger.ask(fmt::format("Z0,{:x},1", address)), "OK");
    ASSERT_TRUE(debugger.ask("vCont;c").starts_with("T05"));
    ASSERT_EQ(debugger.program_counter(), address);
    ASSERT_EQ(debugger.ask(fmt::format("z0,{:x},1", address)), "OK");
  }

  // That the trace has received.
  [[nodiscard]] auto hypercalls() const -> int { return hypercalls_; }

 private:
  std::vector<std::byte> elf_;
  std::atomic<int> hypercalls_ = 0;
  std::optional<Machine> machine_;
  std::optional<Result<RunResult>> result_;
  std::thread thread_;
};

TEST_P(DebuggerTest, WaitsBeforeTheFirstInstruction) {
  start("hello");
  auto debugger = client();
  EXPECT_EQ(debugger.ask("?"), "T05thread:1;");
  EXPECT_EQ(debugger.program_counter(), address_of("_start", debugger));
  EXPECT_EQ(debugger.ask("vCont;c"), "W00");
  EXPECT_EQ(debugger.receive(), "closed");
  const auto& result = join();
  EXPECT_EQ(exit_code(result), 0);
  EXPECT_EQ(result.output, "Hello from a Hermit kernel in C++\n");
}

TEST_P(DebuggerTest, StopsAtABreakpointOnce) {
  start("hello");
  auto debugger = client();
  debugger.ask("qSupported:swbreak+;hwbreak+");
  const auto main = address_of("guest_main", debugger);
  const auto before = debugger.ask(fmt::format("m{:x},8", main));
  ASSERT_EQ(debugger.ask(fmt::format("Z0,{:x},1", main)), "OK");
  EXPECT_EQ(debugger.ask(fmt::format("m{:x},8", main)), before) << "it does not show";
  EXPECT_EQ(debugger.ask("vCont;c"), "T05thread:1;swbreak:;");
  EXPECT_EQ(debugger.program_counter(), main);
  EXPECT_EQ(debugger.ask("vCont;c"), "W00") << "not a second time";
  EXPECT_EQ(exit_code(join()), 0);
}

TEST_P(DebuggerTest, StopsAtHardwareBreakpoints) {
  start("hello");
  auto debugger = client();
  debugger.ask("qSupported:swbreak+;hwbreak+");
  const auto main = address_of("guest_main", debugger);
  const auto exit = address_of("guest4exit", debugger);
  ASSERT_EQ(debugger.ask(fmt::format("Z1,{:x},1", main)), "OK");
  ASSERT_EQ(debugger.ask(fmt::format("Z1,{:x},1", exit)), "OK");
  EXPECT_EQ(debugger.ask("vCont;c"), "T05thread:1;hwbreak:;");
  EXPECT_EQ(debugger.program_counter(), main);
  EXPECT_EQ(debugger.ask("vCont;c"), "T05thread:1;hwbreak:;");
  EXPECT_EQ(debugger.program_counter(), exit);
  ASSERT_EQ(debugger.ask("Z1,1000,1"), "OK");
  ASSERT_EQ(debugger.ask("Z1,1001,1"), "OK");
  EXPECT_EQ(debugger.ask("Z1,1002,1"), "E0e") << "there are four";
  EXPECT_EQ(debugger.ask("z1,1002,1"), "E0e");
  EXPECT_EQ(debugger.ask("z1,1001,1"), "OK");
  EXPECT_EQ(debugger.ask("Z1,1002,1"), "OK");
  EXPECT_EQ(debugger.ask("vCont;c"), "W00");
}

TEST_P(DebuggerTest, Steps) {
  start("hello");
  auto debugger = client();
  const auto first = debugger.program_counter();
  std::vector<std::uint64_t> places{first};
  for (int i = 0; i < 8; ++i) {  // none of the instructions repeats
    EXPECT_EQ(debugger.ask("vCont;s:1"), "T05thread:1;");
    places.push_back(debugger.program_counter());
    EXPECT_NE(places[places.size() - 1], places[places.size() - 2]);
  }
  EXPECT_EQ(debugger.ask("s"), "T05thread:1;");
  EXPECT_EQ(debugger.ask("c"), "W00");
}

// A step at a breakpoint is also one instruction.
TEST_P(DebuggerTest, StepsOverABreakpoint) {
  start("hello");
  auto debugger = client();
  const auto main = address_of("guest_main", debugger);
  ASSERT_EQ(debugger.ask(fmt::format("Z0,{:x},1", main)), "OK");
  EXPECT_TRUE(debugger.ask("c").starts_with("T05"));
  EXPECT_EQ(debugger.program_counter(), main);
  EXPECT_EQ(debugger.ask("vCont;s:1;c"), "T05thread:1;");
  const auto next = debugger.program_counter();
  EXPECT_GT(next, main);
  EXPECT_LT(next, main + 16);
  EXPECT_EQ(debugger.ask("c"), "W00");
}

TEST_P(DebuggerTest, StepsThroughARange) {
  start("hello");
  auto debugger = client();
  const auto main = address_of("guest_main", debugger);
  const auto print = address_of("print_line", debugger);
  run_to(debugger, main);
  EXPECT_EQ(debugger.ask(fmt::format("vCont;r{:x},{:x}:1;c", main, main + 0x15)), "T05thread:1;");
  EXPECT_EQ(debugger.program_counter(), print) << "the first place outside";
  EXPECT_EQ(debugger.ask("c"), "W00");
}

// A step starts at the address that the debugger has set.
TEST_P(DebuggerTest, StepsFromAPlaceOfTheDebuggers) {
  start("hello");
  auto debugger = client();
  const auto main = address_of("guest_main", debugger);
  const auto first = debugger.program_counter();
  const auto set_counter = [&](std::uint64_t value) {
    return debugger.ask(fmt::format("P10={}", to_hex(std::as_bytes(std::span{&value, 1}))));
  };
  ASSERT_EQ(set_counter(main), "OK");
  EXPECT_EQ(debugger.ask("vCont;s:1"), "T05thread:1;");
  EXPECT_GT(debugger.program_counter(), main);
  EXPECT_LT(debugger.program_counter(), main + 16);
  ASSERT_EQ(set_counter(first), "OK");
  EXPECT_EQ(debugger.program_counter(), first);
  EXPECT_EQ(debugger.ask("c"), "W00");
  EXPECT_EQ(join().output, "Hello from a Hermit kernel in C++\n");
}

TEST_P(DebuggerTest, ChangesMemoryAndRegisters) {
  start("hello");
  auto debugger = client();
  const auto exit = address_of("guest4exit", debugger);
  run_to(debugger, exit);
  EXPECT_EQ(debugger.ask("P5=2a00000000000000"), "OK") << "rdi, its argument";
  EXPECT_EQ(debugger.register_of(5), 42U);
  const auto all = debugger.ask("g");
  EXPECT_EQ(debugger.ask("G" + all), "OK");
  EXPECT_EQ(debugger.ask("g"), all);
  EXPECT_EQ(debugger.ask("vCont;s:1"), "T05thread:1;") << "they are in the vCPU";
  EXPECT_EQ(debugger.register_of(5), 42U);
  EXPECT_EQ(debugger.ask("c"), "W2a");
  EXPECT_EQ(exit_code(join()), 42);
}

TEST_P(DebuggerTest, ReadsAndWritesMemory) {
  start("hello");
  auto debugger = client();
  const auto main = address_of("guest_main", debugger);
  ASSERT_EQ(debugger.ask(fmt::format("Z0,{:x},1", main + 1)), "OK");
  const auto before = debugger.ask(fmt::format("m{:x},4", main));
  EXPECT_EQ(debugger.ask(fmt::format("M{:x},4:11223344", main)), "OK");
  EXPECT_EQ(debugger.ask(fmt::format("m{:x},4", main)), "11223344");
  EXPECT_EQ(debugger.ask(fmt::format("M{:x},4:{}", main, before)), "OK");
  EXPECT_EQ(debugger.ask(fmt::format("z0,{:x},1", main + 1)), "OK");
  EXPECT_EQ(debugger.ask(fmt::format("m{:x},4", main)), before);
  EXPECT_EQ(debugger.ask("mffff800000000000,8"), "E0e");
  EXPECT_EQ(debugger.ask("Mffff800000000000,1:00"), "E0e");
  debugger.ask("mfffffffffffffff0,100");
  EXPECT_EQ(debugger.ask("c"), "W00");
}

TEST_P(DebuggerTest, InterruptsAGuestThatSpins) {
  start("waits", {"stay", "spin"});
  auto debugger = client();
  const auto spin = address_of("4spinEv", debugger);
  for (int i = 0; i < 10; ++i) {
    debugger.send_packet("vCont;c");
    EXPECT_EQ(debugger.receive(i == 0 ? 200ms : 5ms), "nothing");
    debugger.send("\x03");
    EXPECT_EQ(debugger.receive(), "T02thread:1;");
    EXPECT_EQ(debugger.program_counter(), spin);
  }
  EXPECT_EQ(debugger.ask("vCont;s:1"), "T05thread:1;");
  EXPECT_EQ(debugger.program_counter(), spin) << "jmp to itself";
  debugger.send_packet(fmt::format("vCont;r{:x},{:x}:1", spin, spin + 2));
  EXPECT_EQ(debugger.receive(kNoNews), "nothing") << "it does not leave the range";
  debugger.send("\x03");
  EXPECT_EQ(debugger.receive(), "T02thread:1;") << "a debugger would step on after another stop";
  stop();
}

// An interrupt and a step arrive in any order.
TEST_P(DebuggerTest, TakesInterruptsBetweenSteps) {
  start("waits", {"stay", "spin"});
  auto debugger = client();
  for (int i = 0; i < 50; ++i) {
    debugger.send(framed("vCont;s:1") + "\x03");
    const auto stop = debugger.receive();
    EXPECT_TRUE(stop == "T02thread:1;" || stop == "T05thread:1;") << stop;
    EXPECT_EQ(debugger.ask("qC"), "QC1");
  }
}

TEST_P(DebuggerTest, InterruptsGuestsThatWait) {
  for (const auto* const wait : {"halt", "hypercalls"}) {
    start("waits", {"stay", wait}, 2);
    auto debugger = client();
    for (int i = 0; i < 5; ++i) {
      debugger.send_packet("c");
      EXPECT_EQ(debugger.receive(30ms), "nothing");
      debugger.send("\x03");
      EXPECT_TRUE(debugger.receive().starts_with("T02")) << wait;
      EXPECT_NE(debugger.program_counter(1), 0U);
    }
    stop();
  }
}

TEST_P(DebuggerTest, StepsOneVcpuWhileOthersStand) {
  constexpr unsigned kCpus = 4;
  start("waits", {"stay", "spin"}, kCpus);
  auto debugger = client();
  EXPECT_EQ(debugger.ask("qfThreadInfo"), "m1,2,3,4");
  const auto first = debugger.program_counter(0);
  std::array<std::uint64_t, kCpus> places{};
  for (unsigned vcpu = 0; vcpu < kCpus; ++vcpu) {
    places[vcpu] = debugger.program_counter(vcpu);
    EXPECT_EQ(places[vcpu], first);
  }
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(debugger.ask("vCont;s:3"), "T05thread:3;");
    EXPECT_NE(debugger.program_counter(2), places[2]);
    for (const unsigned vcpu : {0U, 1U, 3U}) EXPECT_EQ(debugger.program_counter(vcpu), places[vcpu]) << vcpu;
  }
  // Stopped vCPUs keep changed registers.
  EXPECT_EQ(debugger.ask("Hg2"), "OK");
  EXPECT_EQ(debugger.ask("P1=3412000000000000"), "OK");
  EXPECT_EQ(debugger.ask("vCont;s:3"), "T05thread:3;");
  EXPECT_EQ(debugger.ask("Hg2"), "OK");
  EXPECT_EQ(debugger.register_of(1), 0x1234U);
  debugger.send_packet("vCont;s:3;c");
  EXPECT_EQ(debugger.receive(), "T05thread:3;");
  const auto spin = address_of("4spinEv", debugger);
  const auto all_spin = [&] {
    for (unsigned vcpu = 0; vcpu < kCpus; ++vcpu) {
      if (debugger.program_counter(vcpu) != spin) return false;
    }
    return true;
  };
  for (int i = 0; i < 100 && !all_spin(); ++i) {
    debugger.send_packet("c");
    EXPECT_EQ(debugger.receive(kNoNews), "nothing");
    debugger.send("\x03");
    EXPECT_TRUE(debugger.receive().starts_with("T02"));
  }
  EXPECT_TRUE(all_spin());
}

// All vCPUs reach it at about the same time: the debugger gets a report of each.
TEST_P(DebuggerTest, LosesNoBreakpointOfSeveralVcpus) {
  constexpr unsigned kCpus = 4;
  start("waits", {"exit", "spin"}, kCpus);
  auto debugger = client();
  const auto other = address_of("start_other_cpu", debugger);
  ASSERT_EQ(debugger.ask(fmt::format("Z0,{:x},1", other)), "OK");
  std::array<int, kCpus> hits{};
  for (unsigned i = 0; i + 1 < kCpus; ++i) {
    const auto stop = debugger.ask("vCont;c");
    ASSERT_TRUE(stop.starts_with("T05")) << stop;
    const auto vcpu = thread_of(stop) - 1;
    ASSERT_LT(vcpu, kCpus);
    ++hits[vcpu];
    EXPECT_EQ(debugger.program_counter(vcpu), other);
  }
  EXPECT_EQ(hits, (std::array<int, kCpus>{0, 1, 1, 1}));
  EXPECT_EQ(debugger.ask("vCont;c"), "W07");
}

TEST_P(DebuggerTest, StopsAtWatchpoints) {
  constexpr unsigned kCpus = 4;
  start("smp", {}, kCpus);
  auto debugger = client();
  const auto next = address_of("next_to_report", debugger);
  if (debugger.ask(fmt::format("Z2,{:x},8", next)) != "OK") GTEST_SKIP() << "KVM here has none";
  EXPECT_EQ(debugger.ask(fmt::format("Z3,{:x},8", next)), "") << "there is none of reads alone";
  EXPECT_EQ(debugger.ask(fmt::format("Z2,{:x},8", next + 1)), "E0e") << "not a multiple of its size";
  EXPECT_EQ(debugger.ask(fmt::format("Z2,{:x},3", next)), "E0e");
  for (unsigned i = 0; i < kCpus; ++i) {
    EXPECT_EQ(debugger.ask("vCont;c"), fmt::format("T05thread:{:x};watch:{:x};", i + 1, next));
    EXPECT_EQ(debugger.ask(fmt::format("m{:x},1", next)), fmt::format("{:02x}", i + 1)) << "it is written";
  }
  EXPECT_EQ(debugger.ask(fmt::format("z2,{:x},8", next)), "OK");
  EXPECT_EQ(debugger.ask("c"), "W00");
  EXPECT_EQ(join().output, "CPU 0 of 4\nCPU 1 of 4\nCPU 2 of 4\nCPU 3 of 4\n");
}

TEST_P(DebuggerTest, TellsOfADeathBeforeIt) {
  start("waits", {"die", "spin"}, 2);
  auto debugger = client();
  const auto stop = debugger.ask("c");
  EXPECT_EQ(stop, "T0bthread:1;");
  EXPECT_NE(debugger.program_counter(), 0U);
  EXPECT_EQ(debugger.ask("c"), "X0b");
  EXPECT_EQ(debugger.receive(), "closed");
  EXPECT_TRUE(std::holds_alternative<GuestCrash>(join().ending));
}

TEST_P(DebuggerTest, LetsADyingGuestDieWhenItLeaves) {
  start("waits", {"die", "spin"}, 2);
  {
    auto debugger = client();
    EXPECT_EQ(debugger.ask("c"), "T0bthread:1;");
    EXPECT_EQ(debugger.ask("D"), "OK");
    EXPECT_EQ(debugger.receive(), "closed");
  }
  EXPECT_TRUE(std::holds_alternative<GuestCrash>(join().ending));
}

TEST_P(DebuggerTest, DetachesAndComesAgain) {
  start("waits", {"stay", "spin"}, 2, false);
  // Until vCPU 0 is there.
  const auto spins = [this] {
    auto debugger = client();
    const bool is_there = debugger.program_counter(0) == address_of("4spinEv", debugger);
    EXPECT_EQ(debugger.ask("D"), "OK");
    return is_there;
  };
  for (int i = 0; i < 200 && !spins(); ++i) std::this_thread::sleep_for(5ms);
  for (int i = 0; i < 5; ++i) {
    auto debugger = client();
    EXPECT_EQ(debugger.ask("?"), "T05thread:1;") << "it stands";
    const auto spin = address_of("4spinEv", debugger);
    EXPECT_EQ(debugger.program_counter(0), spin);
    ASSERT_EQ(debugger.ask(fmt::format("Z0,{:x},1", spin)), "OK");
    EXPECT_TRUE(debugger.ask("c").starts_with("T05"));
    EXPECT_EQ(debugger.ask("D"), "OK");
    EXPECT_EQ(debugger.receive(), "closed");
  }
  auto debugger = client();
  debugger.ask("?");
  debugger.send_packet("c");
  EXPECT_EQ(debugger.receive(kNoNews), "nothing") << "breakpoints are gone";
}

// The guest continues as before, and breakpoints are removed.
TEST_P(DebuggerTest, SurvivesALostConnection) {
  start("hello");
  {
    auto debugger = client();
    const auto main = address_of("guest_main", debugger);
    ASSERT_EQ(debugger.ask(fmt::format("Z0,{:x},1", main)), "OK");
    EXPECT_EQ(debugger.ask("vCont;s:1"), "T05thread:1;");
  }
  auto debugger = client();
  EXPECT_EQ(debugger.ask("?"), "T05thread:1;") << "it stands where it stood";
  EXPECT_GT(debugger.program_counter(), 0U);
  EXPECT_EQ(debugger.ask("c"), "W00");
}

TEST_P(DebuggerTest, LetsAGuestRunOnThatRan) {
  start("waits", {"exit", "spin"}, 2);
  {
    auto debugger = client();
    const auto other = address_of("start_other_cpu", debugger);
    ASSERT_EQ(debugger.ask(fmt::format("Z0,{:x},1", other)), "OK");
    // vCPU 1 is held, and vCPU 0 waits for it.
    debugger.send_packet("vCont;c:1");
    EXPECT_EQ(debugger.receive(kNoNews), "nothing");
  }
  EXPECT_EQ(exit_code(join()), 7);
}

// A client that only connects does not stop a guest.
TEST_P(DebuggerTest, LeavesAGuestAsItWasForNoDebugger) {
  start("waits", {"exit", "halt"}, 1, false);
  EXPECT_EQ(exit_code(join()), 7);
  start("hello", {}, 1, true);
  {
    const auto nobody = client();
    nobody.send("GET / HTTP/1.1\r\n\r\n$g#0");
  }
  {
    auto debugger = client();
    EXPECT_EQ(debugger.program_counter(), address_of("_start", debugger)) << "it still waits";
    EXPECT_EQ(debugger.ask("c"), "W00");
  }
  EXPECT_EQ(exit_code(join()), 0);
}

TEST_P(DebuggerTest, GoesOnWhenNoDebuggerComes) {
  start("waits", {"stay", "hypercalls"}, 2, false);
  for (const auto* const bytes : {"", "\xff\xfe\x03garbage", "$half", "+++---"}) {
    client().send(bytes);
    ASSERT_TRUE(makes_hypercalls()) << bytes;
  }
}

TEST_P(DebuggerTest, TakesGarbage) {
  start("hello");
  auto debugger = client();
  std::string garbage;
  for (unsigned i = 0; i < 100'000; ++i) garbage += static_cast<char>(i * i >> 3);
  debugger.send(garbage);
  debugger.send("#00$");
  debugger.send("m1000#00");
  debugger.send("$QC#b4");
  std::string answer;
  while ((answer = debugger.receive(200ms)) != "nothing") EXPECT_TRUE(answer.size() < 5) << answer;
  EXPECT_EQ(debugger.ask("?"), "T05thread:1;");
  EXPECT_EQ(debugger.ask("c"), "W00");
}

TEST_P(DebuggerTest, ServesOneAtATime) {
  start("hello");
  auto second = [this] {
    auto first = client();
    EXPECT_EQ(first.ask("?"), "T05thread:1;");
    auto waiting = client();
    waiting.send_packet("?");
    EXPECT_EQ(waiting.receive(kNoNews), "nothing");
    EXPECT_EQ(first.ask("qC"), "QC1");
    return waiting;
  }();
  EXPECT_EQ(second.receive(), "T05thread:1;");
  EXPECT_EQ(second.ask("c"), "W00");
}

TEST_P(DebuggerTest, Kills) {
  for (const auto* const packet : {"k", "vKill;1", "qRcmd,71756974"}) {  // "quit"
    start("waits", {"stay", "spin"}, 2);
    auto debugger = client();
    debugger.ask("?");
    debugger.send_packet(packet);
    std::string answer;
    while ((answer = debugger.receive()) != "closed") EXPECT_EQ(answer, "OK");
    EXPECT_TRUE(std::holds_alternative<Stopped>(join().ending)) << packet;
  }
}

// In each state: before the first instruction, at a breakpoint, after an interrupt, running.
TEST_P(DebuggerTest, DoesNotHoldUpAnEnd) {
  for (const int where : {0, 1, 2, 3}) {
    start("waits", {"stay", "spin"}, 4);
    auto debugger = client();
    debugger.ask("?");
    if (where == 1) run_to(debugger, address_of("start_other_cpu", debugger));
    if (where == 2) {
      debugger.send(framed("c"));
      std::this_thread::sleep_for(10ms);
      debugger.send("\x03");
      EXPECT_TRUE(debugger.receive().starts_with("T02"));
      EXPECT_TRUE(debugger.ask("vCont;s:2").starts_with("T05")) << "others are held";
    }
    if (where == 3) {
      debugger.send_packet("vCont;c:2");
      EXPECT_EQ(debugger.receive(kNoNews), "nothing");
    }
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_TRUE(std::holds_alternative<Stopped>(stop().ending));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
    EXPECT_EQ(debugger.receive(), where == 3 ? "X0f" : "closed");
  }
}

// Endless replies to a debugger that reads none of them.
TEST_P(DebuggerTest, IsNotHeldUpByADebuggerThatDoesNotRead) {
  start("hello");
  const auto debugger = client();
  std::string packets;
  for (int i = 0; i < 400; ++i) packets += framed("qXfer:features:read:target.xml:0,fff");
  debugger.send(packets);
  std::this_thread::sleep_for(50ms);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(std::holds_alternative<Stopped>(stop().ending));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
}

TEST_P(DebuggerTest, KnowsCommands) {
  start("hello");
  auto debugger = client();
  const auto start = fmt::format("{:#x}", address_of("_start", debugger));
  EXPECT_TRUE(debugger.command("regs").contains("rip")) << debugger.command("regs");
  EXPECT_TRUE(debugger.command("help").contains("pagetable ADDR"));
  EXPECT_TRUE(debugger.command("").contains("pagetable ADDR"));
  EXPECT_TRUE(debugger.command("pagetable " + start).contains("guest-physical"))
      << debugger.command("pagetable " + start);
  EXPECT_TRUE(debugger.command("pagetable 7f0000000000").contains("not mapped"));
  EXPECT_TRUE(debugger.command("pagetable").contains("expected"));
  EXPECT_TRUE(debugger.command("pagetable x").contains("expected"));
  debugger.command("stats");
  EXPECT_EQ(debugger.command("hypercalls"), "none\n");
  for (const auto* const wrong : {"trace", "trace ", "trace 1", "trace on off"}) {
    EXPECT_EQ(debugger.command(wrong), "trace: on or off is expected\n") << wrong;
  }
  EXPECT_EQ(debugger.command("trace off"), "the trace of hypercalls is off\n");
  EXPECT_EQ(debugger.ask("c"), "W00");
  EXPECT_EQ(hypercalls(), 0) << "the trace was off";
}

TEST_P(DebuggerTest, TurnsTheTraceOnAgain) {
  start("hello");
  auto debugger = client();
  EXPECT_EQ(debugger.command("trace off"), "the trace of hypercalls is off\n");
  EXPECT_EQ(debugger.command("trace on"), "the trace of hypercalls is on\n");
  EXPECT_EQ(debugger.ask("c"), "W00");
  EXPECT_GT(hypercalls(), 0);
}

TEST_P(DebuggerTest, ShowsTheKernelsFile) {
  start("hello");
  auto debugger = client();
  EXPECT_EQ(debugger.ask("qXfer:exec-file:read::0,fff"), "l/guests/hello");
  EXPECT_EQ(debugger.ask("vFile:open:" + to_hex("/guests/hello") + ",0,0"), "F3");
  EXPECT_EQ(debugger.ask("vFile:pread:3,4,0"),
            "F4;\x7f"
            "ELF");
}

TEST_P(DebuggerTest, HasNoDescriptorTwice) {
  constexpr unsigned kVcpus = 3;
  auto listener = listen_at("unix:" + directory.file("gdb"));
  ASSERT_TRUE(listener);
  auto debugger = Debugger::make({.listener = std::move(*listener)}, kVcpus);
  ASSERT_TRUE(debugger) << debugger.error().message();
  auto memory = GuestMemory::allocate({0}, 0x100000, {}).value();
  (*debugger)->set_guest({.vcpus = {},
                          .memory = memory,
                          .pause = [] { return PauseOutcome::paused; },
                          .resume = [] {},
                          .kill = [] {},
                          .ended = [] { return Ended{}; },
                          .statistics = [](unsigned) { return ""; },
                          .hypercalls = [](unsigned) { return std::vector<std::string>{}; },
                          .warn = [](const std::string&) {}});
  auto all = (*debugger)->descriptors();
  std::ranges::sort(all);
  EXPECT_EQ(std::ranges::adjacent_find(all), all.end());
  EXPECT_EQ(all.size(), 1 + kVcpus + 3);
}

INSTANTIATE_TEST_SUITE_P(Interface, DebuggerTest, ::testing::Values("if1", "if3"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace hermitage::vmm::debug
