// Pauses and resumes guests that compute, halt, wait for the host, or end.
#include <array>
#include <atomic>
#include <chrono>
#include <ctime>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/machine.hpp"
#include "hermitage/vmm/machine_testing.hpp"
#include "testing/input_pipe.hpp"

namespace hermitage::vmm {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// Waits at most a minute for a condition.
auto eventually(const std::function<bool()>& is_so) -> bool {
  const auto limit = Clock::now() + 60s;
  while (!is_so() && Clock::now() < limit) std::this_thread::sleep_for(1ms);
  return is_so();
}

// The CPU time of this process during `time`.
auto work_in(std::chrono::milliseconds time) -> std::chrono::nanoseconds {
  const auto now = [] {
    timespec used{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return std::chrono::seconds{used.tv_sec} + std::chrono::nanoseconds{used.tv_nsec};
  };
  const auto before = now();
  std::this_thread::sleep_for(time);
  return now() - before;
}

class PauseTest : public MachineTest {
 protected:
  // Makes a guest of two vCPUs that both wait in this way, until the guest is stopped or vCPU 0 ends it.
  auto create_waiting(const std::string& ending, const std::string& wait, OutputTarget output = NoOutput{}) -> Machine {
    MachineOptions options{
        .cpu_count = 2,
        .arguments = {.program = "waits", .kernel = {}, .application = {ending, wait}, .environment = {}},
        .output = std::move(output)};
    options.trace = [this](std::string_view) { ++hypercalls; };
    return create("waits", std::move(options));
  }

  std::atomic<int> hypercalls = 0;
};

// A guest that runs in a separate thread.
class Running {
 public:
  explicit Running(Machine& machine) : machine_{machine}, thread_{[this] { result_.emplace(machine_.run()); }} {}
  Running(const Running&) = delete;
  auto operator=(const Running&) -> Running& = delete;
  ~Running() {
    if (thread_.joinable()) stop();
  }

  auto join() -> Result<RunResult>& {
    thread_.join();
    return *result_;
  }
  auto stop() -> Result<RunResult>& {
    machine_.stop(1);
    return join();
  }

 private:
  Machine& machine_;
  std::optional<Result<RunResult>> result_;
  std::thread thread_;
};

TEST_P(PauseTest, StopsGuestsThatRun) {
  for (const auto* const wait : {"spin", "halt", "hypercalls", "file"}) {
    auto machine = create_waiting("stay", wait);
    Running running{machine};
    ASSERT_TRUE(eventually([&] { return hypercalls > 0; })) << wait;
    std::this_thread::sleep_for(10ms);
    for (int i = 0; i < 3; ++i) {
      ASSERT_EQ(machine.pause(), PauseOutcome::paused) << wait;
      const int before = hypercalls;
      EXPECT_LT(work_in(40ms), 20ms) << wait << ": two vCPUs would work for more";
      EXPECT_EQ(hypercalls, before) << wait;
      machine.resume();
    }
    if (std::string_view{wait} == "spin") {
      EXPECT_GT(work_in(200ms), 20ms) << "it goes on";
    }
    if (std::string_view{wait} == "hypercalls") {
      const int before = hypercalls;
      EXPECT_TRUE(eventually([&] { return hypercalls > before; })) << "it goes on";
    }
    const auto& result = running.stop();
    ASSERT_TRUE(result);
    EXPECT_TRUE(std::holds_alternative<Stopped>(result->ending)) << wait;
    hypercalls = 0;
  }
}

TEST_P(PauseTest, TakesNoInput) {
  const testing::InputPipe input;
  auto machine = create_waiting("stay", "input");
  Running running{machine};
  ASSERT_TRUE(eventually([&] { return hypercalls > 0; }));
  std::this_thread::sleep_for(20ms);
  ASSERT_EQ(machine.pause(), PauseOutcome::paused);
  input.put("x");
  std::this_thread::sleep_for(30ms);
  EXPECT_EQ(input.unread(), 1);
  machine.resume();
  EXPECT_TRUE(eventually([&] { return input.unread() == 0; }));
}

// Both vCPUs write, and no process reads.
TEST_P(PauseTest, StopsGuestsThatWaitForAReader) {
  const auto path = directory.file("pipe");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const Descriptor reader{::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
  auto machine = create_waiting("stay", "output", OutputFile{path});
  Running running{machine};
  int waiting = 0;
  ASSERT_TRUE(eventually([&] { return ::ioctl(reader.get(), FIONREAD, &waiting) == 0 && waiting >= 0xe000; }));
  ASSERT_EQ(machine.pause(), PauseOutcome::paused);
  std::array<char, 0x1000> room;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by read
  // Earlier output of the guest can still arrive, but it ends.
  const auto is_quiet = [&] {
    while (::read(reader.get(), room.data(), room.size()) > 0) continue;
    std::this_thread::sleep_for(30ms);
    return ::ioctl(reader.get(), FIONREAD, &waiting) == 0 && waiting == 0;
  };
  EXPECT_TRUE(eventually(is_quiet));
  machine.resume();
  EXPECT_TRUE(eventually([&] { return ::ioctl(reader.get(), FIONREAD, &waiting) == 0 && waiting > 0; }));
}

TEST_P(PauseTest, TakesAsManyResumesAsPauses) {
  auto machine = create_waiting("stay", "hypercalls");
  Running running{machine};
  ASSERT_TRUE(eventually([&] { return hypercalls > 0; }));
  ASSERT_EQ(machine.pause(), PauseOutcome::paused);
  ASSERT_EQ(machine.pause(), PauseOutcome::paused);
  machine.resume();
  const int before = hypercalls;
  std::this_thread::sleep_for(30ms);
  EXPECT_EQ(hypercalls, before);
  machine.resume();
  EXPECT_TRUE(eventually([&] { return hypercalls > before; }));
}

TEST_P(PauseTest, HoldsAGuestThatHasNotBegun) {
  auto machine = create("hello", {.output = OutputBuffer{}});
  ASSERT_EQ(machine.pause(), PauseOutcome::paused);
  Running running{machine};
  EXPECT_LT(work_in(50ms), 45ms);
  ASSERT_EQ(machine.pause(), PauseOutcome::paused);
  machine.resume();
  machine.resume();
  const auto& result = running.join();
  ASSERT_TRUE(result);
  EXPECT_EQ(exit_code(*result), 0);
  EXPECT_EQ(result->output, "Hello from a Hermit kernel in C++\n");
  EXPECT_EQ(machine.pause(), PauseOutcome::ended);
}

// The guest ends while it is paused again and again, without delay.
TEST_P(PauseTest, TellsThatTheGuestHasEnded) {
  for (const auto* const ending : {"exit", "die"}) {
    for (int i = 0; i < 5; ++i) {
      auto machine = create_waiting(ending, "spin");
      Running running{machine};
      int pauses = 0;
      auto outcome = PauseOutcome::paused;
      while (outcome == PauseOutcome::paused) {
        outcome = machine.pause();
        if (outcome == PauseOutcome::timed_out)
          outcome = PauseOutcome::paused;  // the host is busy
        else if (outcome == PauseOutcome::paused)
          machine.resume();
        ++pauses;
      }
      EXPECT_EQ(outcome, PauseOutcome::ended) << ending << " after " << pauses;
      const auto& result = running.join();
      ASSERT_TRUE(result);
      EXPECT_FALSE(std::holds_alternative<Stopped>(result->ending));
    }
  }
}

TEST_P(PauseTest, DoesNotHoldUpAnEnd) {
  auto stopped = create_waiting("stay", "spin");
  {
    Running running{stopped};
    ASSERT_TRUE(eventually([&] { return hypercalls > 0; }));
    ASSERT_EQ(stopped.pause(), PauseOutcome::paused);
    const auto& result = running.stop();
    ASSERT_TRUE(result);
    EXPECT_TRUE(std::holds_alternative<Stopped>(result->ending));
  }
  MachineOptions options{
      .arguments = {.program = "waits", .kernel = {}, .application = {"stay", "halt"}, .environment = {}},
      .output = NoOutput{},
      .timeout = 200ms};
  auto limited = create("waits", std::move(options));
  ASSERT_EQ(limited.pause(), PauseOutcome::paused);
  const auto result = limited.run();
  ASSERT_TRUE(result);
  EXPECT_TRUE(std::holds_alternative<TimedOut>(result->ending)) << "the limit goes on";
}

TEST_P(PauseTest, WaitsForOtherDescriptors) {
  auto machine = create_waiting("stay", "halt");
  const Descriptor event{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::atomic<int> seen = 0;
  ASSERT_TRUE(machine.watch(event.get(), EPOLLIN, [&](std::uint32_t events) {
    eventfd_t count = 0;
    if ((events & EPOLLIN) != 0 && ::eventfd_read(event.get(), &count) == 0) ++seen;
  }));
  Running running{machine};
  ASSERT_EQ(::eventfd_write(event.get(), 1), 0);
  EXPECT_TRUE(eventually([&] { return seen == 1; }));
  machine.unwatch(event.get());
  ASSERT_EQ(::eventfd_write(event.get(), 1), 0);
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(seen, 1);
}

INSTANTIATE_TEST_SUITE_P(Interface, PauseTest, ::testing::Values("if1", "if3"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace hermitage::vmm
