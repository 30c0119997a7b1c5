#include "hermitage/vmm/run_control.hpp"

#include <cerrno>
#include <csignal>
#include <variant>

#include <gtest/gtest.h>

namespace hermitage::vmm {
namespace {

class RunControlTest : public ::testing::Test {
 protected:
  Serial serial = Serial::open(NoOutput{}).value();
  PauseGate gate = PauseGate::make().value();
  int stops = 0;
  int calls_back = 0;
  RunControl control{serial, gate, [this] { ++stops; }, [this] { ++calls_back; }};
};

TEST_F(RunControlTest, GoesOnUntilItEnds) {
  EXPECT_FALSE(control.is_stopping());
  EXPECT_FALSE(control.was_stopped());
  EXPECT_EQ(calls_back, 0);
}

TEST_F(RunControlTest, TheFirstEndOfTheGuestCounts) {
  control.finish(GuestExit{3});
  control.finish(GuestExit{4});
  EXPECT_TRUE(control.is_stopping());
  EXPECT_FALSE(control.was_stopped());
  ASSERT_TRUE(std::holds_alternative<GuestExit>(control.ending()));
  EXPECT_EQ(std::get<GuestExit>(control.ending()).code, 3);
  EXPECT_EQ(calls_back, 2);
  EXPECT_EQ(stops, 0);
}

TEST_F(RunControlTest, TheFirstReasonFromOutsideCounts) {
  control.stop(SIGTERM);
  control.stop(SIGINT);
  control.time_out();
  EXPECT_TRUE(control.is_stopping());
  EXPECT_TRUE(control.was_stopped());
  const auto ending = control.forced_ending();
  ASSERT_TRUE(std::holds_alternative<Stopped>(ending));
  EXPECT_EQ(std::get<Stopped>(ending).reason, SIGTERM);
  EXPECT_EQ(stops, 3);
  EXPECT_EQ(calls_back, 3);
}

TEST_F(RunControlTest, ItsTimeIsOver) {
  control.time_out();
  control.stop(SIGTERM);
  EXPECT_TRUE(control.was_stopped());
  EXPECT_TRUE(std::holds_alternative<TimedOut>(control.forced_ending()));
}

TEST_F(RunControlTest, AnyReasonIsOne) {
  for (const int reason : {-1, INT_MIN, INT_MAX}) {
    RunControl other{serial, gate, {}, [] {}};
    other.stop(reason);
    const auto ending = other.forced_ending();
    ASSERT_TRUE(std::holds_alternative<Stopped>(ending)) << reason;
    EXPECT_EQ(std::get<Stopped>(ending).reason, reason);
  }
}

TEST_F(RunControlTest, EveryEndEndsPauses) {
  ASSERT_EQ(gate.pause([](int) {}), PauseOutcome::paused);
  EXPECT_TRUE(gate.is_pausing());
  control.stop(SIGTERM);
  EXPECT_FALSE(gate.is_pausing());
}

// As a signal handler must do for the interrupted code.
TEST_F(RunControlTest, LeavesErrnoAlone) {
  RunControl other{serial, gate, [] { errno = EIO; }, [] { errno = EIO; }};
  errno = EAGAIN;
  other.stop(SIGTERM);
  other.time_out();
  EXPECT_EQ(errno, EAGAIN);
}

}  // namespace
}  // namespace hermitage::vmm
