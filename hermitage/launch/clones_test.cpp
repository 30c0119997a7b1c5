#include "hermitage/launch/clones.hpp"

#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>

#include "hermitage/base/descriptor.hpp"
#include "testing/temporary_directory.hpp"

namespace hermitage::launch {
namespace {

class ClonesTest : public ::testing::Test {
 protected:
  [[nodiscard]] auto is_noted_before(const std::string& name) const -> bool {
    const base::Descriptor snapshot{::open(directory.file(name).c_str(), O_RDONLY | O_CLOEXEC)};
    return note_start(directory.file("notes"), snapshot.get());
  }

  testing::TemporaryDirectory directory;
};

TEST_F(ClonesTest, AreAllButTheFirst) {
  directory.write("one", "a snapshot");
  directory.write("other", "a snapshot");
  EXPECT_FALSE(is_noted_before("one"));
  EXPECT_TRUE(is_noted_before("one"));
  EXPECT_TRUE(is_noted_before("one"));
  EXPECT_FALSE(is_noted_before("other"));
}

TEST_F(ClonesTest, AreNotThoseOfANewFileWithTheSameName) {
  const auto path = directory.write("one", "a snapshot");
  EXPECT_FALSE(is_noted_before("one"));
  directory.write("new", "a snapshot");
  ASSERT_EQ(::rename(directory.file("new").c_str(), path.c_str()), 0);
  EXPECT_FALSE(is_noted_before("one"));
}

TEST_F(ClonesTest, AreUnknownIfNothingCanBeNoted) {
  directory.write("one", "a snapshot");
  directory.write("notes", "is not a directory");
  EXPECT_FALSE(is_noted_before("one"));
  EXPECT_FALSE(is_noted_before("one"));
  EXPECT_FALSE(note_start(directory.path(), -1));
}

}  // namespace
}  // namespace hermitage::launch
