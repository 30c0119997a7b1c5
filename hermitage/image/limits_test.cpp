// What images cost that are made to cost much: docs/limits.md has the table that this holds.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "hermitage/image/config.hpp"
#include "hermitage/image/extract.hpp"
#include "hermitage/image/gunzip.hpp"
#include "hermitage/image/image.hpp"
#include "hermitage/image/pack.hpp"
#include "hermitage/image/source.hpp"
#include "testing/allocations.hpp"
#include "testing/archives.hpp"
#include "testing/duration.hpp"
#include "testing/large_inputs.hpp"
#include "testing/temporary_directory.hpp"

namespace {

// Since the program began.
std::size_t opened = 0;      // files and directories, by openat
std::size_t asked = 0;       // of what a path leads to, by stat and lstat
std::size_t read_calls = 0;  // of read

}  // namespace

// These take the place of the C library's, and count.
extern "C" auto openat(int directory, const char* path, int flags, ...) -> int {
  std::va_list more;
  va_start(more, flags);
  const auto mode = (flags & O_CREAT) != 0 ? va_arg(more, unsigned) : 0;
  va_end(more);
  ++opened;
  return static_cast<int>(::syscall(SYS_openat, directory, path, flags, mode));
}
extern "C" auto stat(const char* path, struct stat* status) noexcept -> int {
  ++asked;
  return ::fstatat(AT_FDCWD, path, status, 0);
}
extern "C" auto lstat(const char* path, struct stat* status) noexcept -> int {
  ++asked;
  return ::fstatat(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);
}
extern "C" auto read(int descriptor, void* buffer, std::size_t size) -> ssize_t {
  ++read_calls;
  return ::syscall(SYS_read, descriptor, buffer, size);
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
            "entry_name: is nested deeper than 256 directories, the limit");
}

TEST(ImageLimits, AllPathsTogetherAreOfALimitedLength) {
  const auto image = image_with(testing::deep_files(10, 100));
  // "hermit.toml", "kernel", the directories "d", "d/d" and so on, and the files "d/…/d/0".
  const std::uint64_t size = 11 + 6 + 100 * 100 + 10 * 201;
  EXPECT_TRUE(Image::open(image, {.limits = {.path_size = size}}));
  const auto opened = Image::open(image, {.limits = {.path_size = size - 1}});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().text, "exceeds the limit for paths and link targets of 12026 bytes");
  const auto parents = Image::open(image, {.limits = {.path_size = 1000}});
  ASSERT_FALSE(parents);
  EXPECT_EQ(parents.error().code, ProblemCode::too_large);
}

TEST(ImageLimits, HardLinksDoNotMultiplyALongTarget) {
  Entries entries;
  const std::string target(4096, 't');
  testing::append_entry(entries, {.name = "link", .type = '2', .target = target});
  for (int i = 0; i < 10'000; ++i) entries.push_back({.name = std::to_string(i), .type = '1', .target = "link"});
  EXPECT_EQ(failure_of(entries), "too_large: exceeds the limit for paths and link targets of 33554432 bytes");
  entries.clear();
  testing::append_entry(entries, {.name = "link", .type = '2', .target = target + "t"});
  EXPECT_EQ(failure_of(entries), "link_target: is a symbolic link whose target is too long");
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

// Counts how often its bytes are asked for.
class CountingSource final : public Source {
 public:
  explicit CountingSource(std::span<const std::byte> bytes) : source_{bytes} {}

  [[nodiscard]] auto next() -> std::expected<std::span<const std::byte>, Problem> override {
    auto piece = source_.next();
    given_ += piece->size();
    return piece;
  }
  [[nodiscard]] auto rewind() -> std::expected<void, Problem> override { return source_.rewind(); }
  [[nodiscard]] auto done() const -> std::uint64_t override { return source_.done(); }
  [[nodiscard]] auto total() const -> std::uint64_t override { return source_.total(); }

  [[nodiscard]] auto given() const -> std::uint64_t { return given_; }

 private:
  MemorySource source_;
  std::uint64_t given_ = 0;
};

auto unpacked_size(Source& source) -> std::uint64_t {
  constexpr std::uint64_t kLimit = 1 << 30;
  Gunzip gunzip{source, kLimit};
  for (;;) {
    const auto piece = gunzip.next();
    EXPECT_TRUE(piece);
    if (!piece || piece->empty()) return gunzip.done();
  }
}

auto gzip_of_zeros(std::size_t size) -> Bytes {
  return testing::gzip(Bytes(size));
}

TEST(GunzipLimits, HoldsOnePieceHoweverLargeTheImage) {
  constexpr std::size_t kPiece = Gunzip::kPieceSize;
  for (const std::size_t size : {10 * kPiece, 100 * kPiece}) {
    const auto bytes = gzip_of_zeros(size);
    MemorySource source{bytes};
    const auto cost = testing::allocations_of([&] { EXPECT_EQ(unpacked_size(source), size); });
    EXPECT_LE(cost.total, kPiece + 1024);
  }
}

TEST(GunzipLimits, AsksForEachByteOnce) {
  // Of one member, and of many.
  Bytes members;
  const auto member = testing::gzip(Bytes(1));
  for (int i = 0; i < 50'000; ++i) members.insert(members.end(), member.begin(), member.end());
  for (const auto& bytes : {gzip_of_zeros(100 << 20), members}) {
    CountingSource source{bytes};
    static_cast<void>(unpacked_size(source));
    EXPECT_EQ(source.given(), bytes.size());
  }
}

auto config_cost(const std::string& toml) -> Allocations {
  return testing::allocations_of([&] {
    std::vector<Problem> warnings;
    EXPECT_TRUE(parse_config(toml, warnings));
  });
}

auto config_of_unknown_keys(std::size_t count) -> std::string {
  std::string keys;
  for (std::size_t i = 0; i < count; ++i) keys += "k" + std::to_string(i) + " = 1\n";
  return keys + std::string{testing::kMinimalConfig};
}

// A text in threefold quotation marks, which has pairs of them in it.
auto config_of_quotation_marks(std::size_t count) -> std::string {
  std::string toml = "x = \"\"\"";
  for (std::size_t i = 0; i < count; ++i) toml += "\"\"a";
  return toml + "\"\"\"\n" + std::string{testing::kMinimalConfig};
}

TEST(ConfigLimits, CostsAsMuchAsItIsLong) {
  for (const auto make : {testing::config_of_variables, config_of_unknown_keys, config_of_quotation_marks}) {
    const auto small = make(400);
    const auto large = make(4000);
    EXPECT_LE(config_cost(large).total, kTenfold * config_cost(small).total) << small.substr(0, 100);
    const auto duration_of = [](const std::string& toml) {
      return testing::shortest_duration([&] { static_cast<void>(config_cost(toml)); });
    };
    EXPECT_LE(duration_of(large), 30 * duration_of(small)) << small.substr(0, 100);
  }
}

struct PackCost {
  Allocations allocations;
  std::size_t asked;
  std::size_t read_calls;
};

// Of a directory with so many files of so many bytes each.
auto pack_cost(std::size_t count, std::size_t size) -> PackCost {
  const testing::TemporaryDirectory directory;
  const std::string content(size, 'x');
  for (std::size_t i = 0; i < count; ++i) directory.write(std::to_string(i), content);
  const PackRequest request{.directories = {directory.path()},
                            .config = std::string{testing::kMinimalConfig},
                            .kernel = directory.write("kernel", "k")};
  const auto asked_before = asked;
  const auto read_before = read_calls;
  const auto allocations =
      testing::allocations_of([&] { EXPECT_TRUE(pack(request, [](std::span<const std::byte>) { return true; })); });
  return {.allocations = allocations, .asked = asked - asked_before, .read_calls = read_calls - read_before};
}

TEST(PackLimits, LooksAtEachFileAndReadsItOnce) {
  const auto few = pack_cost(100, 1);
  const auto many = pack_cost(1000, 1);
  EXPECT_LE(many.allocations.total, kTenfold * few.allocations.total);
  // What it is, and its size.
  EXPECT_EQ(many.asked - few.asked, 900 * 2U);
  // Its byte, and the end.
  EXPECT_EQ(many.read_calls - few.read_calls, 900 * 2U);
}

TEST(PackLimits, HoldsAPieceOfAFile) {
  constexpr std::size_t kPiece = 128 << 10;
  const auto small = pack_cost(1, 10 * kPiece);
  const auto large = pack_cost(1, 100 * kPiece);
  // The first one also makes what the libraries keep.
  EXPECT_LE(large.allocations.peak, small.allocations.peak + kPiece);
  EXPECT_EQ(large.read_calls - small.read_calls, 90U);
}

}  // namespace
}  // namespace hermitage::image
