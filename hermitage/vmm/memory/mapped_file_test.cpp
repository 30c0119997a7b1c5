#include "hermitage/vmm/memory/mapped_file.hpp"

#include <string>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "testing/temporary_directory.hpp"

namespace hermitage::vmm {
namespace {

constexpr std::size_t kLarge = std::size_t{64} << 10;

auto content_of(const MappedFile& file) -> std::string {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

TEST(MappedFile, MapsALargeFileOfItsOwner) {
  const testing::TemporaryDirectory directory;
  const std::string content(kLarge, 'x');
  const auto path = directory.write("file", content);
  ASSERT_EQ(::chmod(path.c_str(), 0644), 0);
  const auto file = MappedFile::open(path);
  ASSERT_TRUE(file);
  EXPECT_GE(file->descriptor(), 0);
  EXPECT_EQ(content_of(*file), content);
}

TEST(MappedFile, ReadsASmallFile) {
  const testing::TemporaryDirectory directory;
  const auto file = MappedFile::open(directory.write("file", "content"));
  ASSERT_TRUE(file);
  EXPECT_EQ(file->descriptor(), -1);
  EXPECT_EQ(content_of(*file), "content");
}

TEST(MappedFile, ReadsWhatOthersMayWriteTo) {
  const testing::TemporaryDirectory directory;
  const std::string content(kLarge, 'x');
  const auto path = directory.write("file", content);
  for (const mode_t mode : {0664U, 0646U, 0666U}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    const auto file = MappedFile::open(path);
    ASSERT_TRUE(file);
    EXPECT_EQ(file->descriptor(), -1) << std::oct << mode;
    EXPECT_EQ(content_of(*file), content);
  }
}

TEST(MappedFile, IsReadOnDemand) {
  const testing::TemporaryDirectory directory;
  const std::string content(kLarge, 'x');
  const auto path = directory.write("file", content);
  ASSERT_EQ(::chmod(path.c_str(), 0644), 0);
  auto mapped = MappedFile::open(path);
  ASSERT_TRUE(mapped);
  const auto file = std::move(*mapped).read();
  ASSERT_TRUE(file);
  directory.write("file", std::string(kLarge, 'y'));
  EXPECT_EQ(file->descriptor(), -1);
  EXPECT_EQ(content_of(*file), content) << "what is written later does not show";
}

}  // namespace
}  // namespace hermitage::vmm
