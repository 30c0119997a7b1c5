#include "hermitage/base/control.hpp"

#include <gtest/gtest.h>

namespace hermitage::base {
namespace {

TEST(ControlCommand, HasExactlyTheseNames) {
  EXPECT_EQ(parse_control_command("stats"), ControlCommand::stats);
  EXPECT_EQ(parse_control_command("trace"), ControlCommand::trace);
  EXPECT_EQ(parse_control_command("pause"), ControlCommand::pause);
  EXPECT_EQ(parse_control_command("resume"), ControlCommand::resume);
  EXPECT_EQ(parse_control_command("snapshot"), ControlCommand::snapshot);
  for (const auto* const other : {"", "stat", "statss", "STATS", "stats\n", "/bin/sh"}) {
    EXPECT_EQ(parse_control_command(other), std::nullopt) << other;
  }
}

}  // namespace
}  // namespace hermitage::base
