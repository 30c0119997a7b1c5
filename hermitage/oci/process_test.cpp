#include "hermitage/oci/process.hpp"

#include <cerrno>

#include <gtest/gtest.h>

namespace hermitage::oci {
namespace {

TEST(Process, HasAStatus) {
  EXPECT_EQ(run("/bin/sh", {"-c", "exit 7"}), 7);
  EXPECT_EQ(run("/bin/sh", {"-c", "kill -TERM $$"}), 128 + 15);
  EXPECT_EQ(run("/none", {}), std::nullopt);
}

TEST(Process, HasAnOutput) {
  EXPECT_EQ(output_of("/bin/sh", {"-c", "echo 1; echo 2 >&2; read x; echo $x"}), "1\n\n");
  EXPECT_EQ(output_of("/bin/sh", {"-c", "echo 1; exit 3"}), std::nullopt);
  EXPECT_EQ(output_of("/none", {}), std::nullopt);
}

TEST(Process, BecomesNoProgramThatIsNotThere) {
  EXPECT_EQ(become("/none", {"x"}), ENOENT);
}

}  // namespace
}  // namespace hermitage::oci
