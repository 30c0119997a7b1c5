#include "hermitage/launch/run_report.hpp"

#include <cerrno>
#include <csignal>

#include <gtest/gtest.h>

namespace hermitage::launch {
namespace {

TEST(ExitStatus, IsTheGuestsModulo256) {
  EXPECT_EQ(exit_status(GuestExited{0}), 0);
  EXPECT_EQ(exit_status(GuestExited{255}), 255);
  EXPECT_EQ(exit_status(GuestExited{256}), 0);
  EXPECT_EQ(exit_status(GuestExited{-1}), 255);
}

TEST(ExitStatus, TellsWhyTheGuestHasNone) {
  EXPECT_EQ(exit_status(GuestCrashed{"because"}), 126);
  EXPECT_EQ(exit_status(TimedOut{}), 124);
  EXPECT_EQ(exit_status(Stopped{SIGTERM}), 143);
  EXPECT_EQ(exit_status(OutputFailed{EPIPE}), 125);
  EXPECT_EQ(exit_status(FileTruncated{}), 126);
  EXPECT_EQ(exit_status(EngineFailed{"because"}), 125);
}

}  // namespace
}  // namespace hermitage::launch
