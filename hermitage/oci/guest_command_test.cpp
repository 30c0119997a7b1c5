#include "hermitage/oci/guest_command.hpp"

#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

namespace hermitage::oci {
namespace {

TEST(GuestCommand, ReadsCommands) {
  EXPECT_EQ(parse_guest_command({"stats"}).value().command, base::ControlCommand::stats);
  EXPECT_EQ(parse_guest_command({"resume"}).value().name, "resume");
  const auto snapshot = parse_guest_command({"snapshot", "/data/app.snap"}).value();
  EXPECT_EQ(snapshot.command, base::ControlCommand::snapshot);
  EXPECT_EQ(snapshot.file, "/data/app.snap");
}

TEST(GuestCommand, RefusesAnythingElse) {
  EXPECT_TRUE(parse_guest_command({}).error().starts_with("exec: a Hermit container runs one guest"));
  EXPECT_TRUE(parse_guest_command({"/bin/ls"}).error().starts_with("exec: a Hermit container runs one guest"));
  EXPECT_EQ(parse_guest_command({"stats", "all"}).error(), "exec: 'stats' takes no arguments");
  for (const auto& words : {std::vector<std::string>{"snapshot"}, {"snapshot", "/a", "/b"}}) {
    EXPECT_EQ(parse_guest_command(words).error(), "exec: 'snapshot' takes the path of a new file in the container");
  }
  EXPECT_EQ(parse_guest_command({"snapshot", "file"}).error(),
            "exec: snapshot 'file': not an absolute path in the container");
}

TEST(GuestCommand, FailsWithoutAMonitor) {
  EXPECT_EQ(send_guest_command(::getpid(), {.name = "stats"}).error(),
            "the monitor takes no commands: it has not started, or has ended");
}

}  // namespace
}  // namespace hermitage::oci
