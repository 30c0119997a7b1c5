// What images cost that are made to cost much: docs/limits.md has the table that this holds.
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdarg>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "hermitage/image/extract.hpp"
#include "hermitage/image/image.hpp"
#include "testing/allocations.hpp"
#include "testing/archives.hpp"
#include "testing/large_inputs.hpp"
#include "testing/temporary_directory.hpp"

namespace {

std::size_t opened = 0;  // files and directories, since the program began

}  // namespace

// Takes the place of the C library's, and counts.
extern "C" auto openat(int directory, const char* path, int flags, ...) -> int {
  std::va_list more;
  va_start(more, flags);
  const auto mode = (flags & O_CREAT) != 0 ? va_arg(more, unsigned) : 0;
  va_end(more);
  ++opened;
  return static_cast<int>(::syscall(SYS_openat, directory, path, flags, mode));
}

namespace hermitage::image {
namespace {

using testing::Allocations;
using testing::image_with;
using testing::TarEntry;
using Bytes = std::vector<std::byte>;
using Entries = std::vector<TarEntry>;

auto cost_of(const Bytes& image) -> Allocations {
  return testing::allocations_of([&] { EXPECT_TRUE(Image::open(image)); });
}

auto failure_of(const Entries& entries) -> std::string {
  const auto image = Image::open(image_with(entries));
  return image ? "opens" : std::string{image.error().name()} + ": " + image.error().text;
}

// Tenfold the input is at most so many times the work: what does not depend on the input counts for both.
constexpr std::size_t kTenfold = 12;

TEST(ImageLimits, DeepFilesCostAsMuchAsTheyAreLong) {
  constexpr std::size_t kDepth = entry::kMaxDepth - 1;
  const auto few = cost_of(image_with(testing::deep_files(100, kDepth)));
  const auto many = cost_of(image_with(testing::deep_files(1000, kDepth)));
  EXPECT_LE(many.total, kTenfold * few.total);
  // A kilobyte of names for a file, and not one for each directory above it.
  EXPECT_LE((many.total - few.total) / 900, 10 * testing::deep_path(kDepth).size());
}

TEST(ImageLimits, DeeperFilesCostNoMoreThanTheirNames) {
  const auto shallow = cost_of(image_with(testing::deep_files(1000, 25)));
  const auto deep = cost_of(image_with(testing::deep_files(1000, 250)));
  EXPECT_LE(deep.total, kTenfold * shallow.total);
}

TEST(ImageLimits, PathsAreOfALimitedDepth) {
  EXPECT_EQ(failure_of(testing::deep_files(1, entry::kMaxDepth - 1)), "opens");
  EXPECT_EQ(failure_of(testing::deep_files(1, entry::kMaxDepth)),
            "entry_name: lies deeper than 256 directories, the limit");
}

TEST(ImageLimits, AllPathsTogetherAreOfALimitedLength) {
  const auto image = image_with(testing::deep_files(10, 100));
  // "hermit.toml", "kernel", the directories "d", "d/d" and so on, and the files "d/…/d/0".
  const std::uint64_t size = 11 + 6 + 100 * 100 + 10 * 201;
  EXPECT_TRUE(Image::open(image, {.limits = {.path_size = size}}));
  const auto opened = Image::open(image, {.limits = {.path_size = size - 1}});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().text, "takes the paths and link targets past the limit of 12026 bytes");
  const auto parents = Image::open(image, {.limits = {.path_size = 1000}});
  ASSERT_FALSE(parents);
  EXPECT_EQ(parents.error().code, ProblemCode::too_large);
}

TEST(ImageLimits, HardLinksDoNotMultiplyALongTarget) {
  Entries entries;
  const std::string target(4096, 't');
  testing::append_entry(entries, {.name = "link", .type = '2', .target = target});
  for (int i = 0; i < 10'000; ++i) entries.push_back({.name = std::to_string(i), .type = '1', .target = "link"});
  EXPECT_EQ(failure_of(entries), "too_large: takes the paths and link targets past the limit of 33554432 bytes");
  entries.clear();
  testing::append_entry(entries, {.name = "link", .type = '2', .target = target + "t"});
  EXPECT_EQ(failure_of(entries), "link_target: is a symbolic link with too long a target");
}

TEST(ImageLimits, ChainsOfHardLinksCostAsMuchAsTheyAreLong) {
  const auto few = cost_of(image_with(testing::link_chain(1000)));
  const auto many = cost_of(image_with(testing::link_chain(10'000)));
  EXPECT_LE(many.total, kTenfold * few.total);
}

auto opened_by_extracting(const Entries& entries) -> std::size_t {
  const testing::TemporaryDirectory directory;
  const auto image = Image::open(image_with(entries));
  EXPECT_TRUE(image);
  const auto before = opened;
  EXPECT_TRUE(extract(*image, directory.file("out")));
  return opened - before;
}

TEST(ExtractLimits, OpensEachDirectoryOnceForItsFiles) {
  constexpr std::size_t kDepth = entry::kMaxDepth - 2;
  const auto always = opened_by_extracting({});
  // Each file, each directory with a file in it, and those on the way.
  EXPECT_EQ(opened_by_extracting(testing::deep_files(100, kDepth)), always + 100 + kDepth);
  EXPECT_EQ(opened_by_extracting(testing::deep_directories(100, kDepth)), always + 100 + 100 + kDepth);
}

TEST(ExtractLimits, FindsTheFirstOfManyLinksOnce) {
  constexpr std::size_t kDepth = entry::kMaxDepth - 2;
  auto entries = testing::deep_files(1, kDepth);
  for (int i = 0; i < 100; ++i) {
    testing::append_entry(entries,
                          {.name = "z" + std::to_string(i), .type = '1', .target = testing::deep_path(kDepth) + "/0"});
  }
  EXPECT_EQ(opened_by_extracting(entries), opened_by_extracting({}) + 1 + 2 * kDepth);
}

}  // namespace
}  // namespace hermitage::image
