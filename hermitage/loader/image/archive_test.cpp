#include "hermitage/loader/image/archive.hpp"

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "hermitage/entry/image_path.hpp"
#include "testing/archives.hpp"
#include "testing/duration.hpp"
#include "testing/large_inputs.hpp"

namespace hermitage::loader {
namespace {

using testing::TarEntry;

auto found(const std::vector<TarEntry>& entries, std::string_view path) -> std::string {
  const auto bytes = testing::tar(entries);
  const auto archive = Archive::open(bytes);
  if (!archive) return archive.error().c_str();
  const auto found = archive->find(path);
  if (!found) return found.error().c_str();
  const auto& file = *found;
  return file ? std::string{reinterpret_cast<const char*>(file->data()), file->size()} : "(none)";
}

TEST(Archive, FindsFilesHoweverTheyAreWritten) {
  const std::vector<TarEntry> entries{{.name = "./boot/kernel", .contents = "k"}, {.name = "a", .contents = "A"}};
  for (const std::string_view path : {"boot/kernel", "/boot/kernel", "./boot//kernel"}) {
    EXPECT_EQ(found(entries, path), "k") << path;
  }
  EXPECT_EQ(found(entries, "/a"), "A");
  for (const std::string_view path :
       {"", "/", ".", "boot", "boot/", "kernel", "boot/kernel/x", "boot/kernels", "b", "../a", "boot/../a"}) {
    EXPECT_EQ(found(entries, path), "(none)") << path;
  }
}

TEST(Archive, TakesTheLastOfSeveral) {
  EXPECT_EQ(found({{.name = "k", .contents = "old"}, {.name = "./k", .contents = "new"}}, "k"), "new");
}

TEST(Archive, FollowsLinks) {
  const std::vector<TarEntry> entries{{.name = "boot/kernel-1", .contents = "k"},
                                      {.name = "boot/kernel", .type = '2', .target = "kernel-1"},
                                      {.name = "kernel", .type = '2', .target = "latest/./kernel"},
                                      {.name = "latest", .type = '2', .target = "boot"},
                                      {.name = "boot/up", .type = '2', .target = "../kernel"},
                                      {.name = "hard", .type = '1', .target = "./boot//kernel-1"},
                                      {.name = "harder", .type = '1', .target = "hard"},
                                      {.name = "hard-link-to-link", .type = '1', .target = "latest"},
                                      {.name = "loop", .type = '2', .target = "loop"},
                                      {.name = "nowhere", .type = '2', .target = "nothing"}};
  for (const std::string_view path :
       {"boot/kernel", "kernel", "latest/kernel-1", "boot/up", "hard", "harder", "hard-link-to-link/kernel-1"}) {
    EXPECT_EQ(found(entries, path), "k") << path;
  }
  EXPECT_EQ(found(entries, "loop"), "a file of the image is behind more than 40 links");
  for (const std::string_view path : {"nowhere", "latest", "kernel/x"}) {
    EXPECT_EQ(found(entries, path), "(none)") << path;
  }
}

TEST(Archive, LinksHardToWhatIsBeforeThem) {
  const TarEntry link{.name = "link", .type = '1', .target = "file"};
  const TarEntry old{.name = "file", .contents = "old"};
  EXPECT_EQ(found({old, link, {.name = "file", .contents = "new"}}, "link"), "old");
  EXPECT_EQ(found({link, old}, "link"), "(none)");
  EXPECT_EQ(found({{.name = "self", .type = '1', .target = "self"}}, "self"), "(none)");
}

TEST(Archive, FollowsSoManyLinks) {
  constexpr std::string_view kTooMany = "a file of the image is behind more than 40 links";
  for (const char type : {'1', '2'}) {
    std::vector<TarEntry> entries{{.name = "0", .contents = "k"}};
    for (std::size_t i = 1; i <= entry::kMaxLinks + 1; ++i) {
      entries.push_back({.name = std::to_string(i), .type = type, .target = std::to_string(i - 1)});
    }
    EXPECT_EQ(found(entries, "40"), "k");
    EXPECT_EQ(found(entries, "41"), kTooMany);
  }
}

TEST(Archive, FindsTheDeepestFile) {
  const auto path = hermitage::testing::deep_path(entry::kMaxDepth - 1) + "/0";
  const auto entries = hermitage::testing::deep_files(1, entry::kMaxDepth - 1);
  EXPECT_EQ(found(entries, path), "");
  EXPECT_EQ(found(entries, path + "/x"), "(none)");
  EXPECT_EQ(found(entries, path + "/x/x"), "(none)");
  EXPECT_EQ(found(hermitage::testing::deep_files(1, entry::kMaxDepth), "x"),
            "the image has an entry whose name is too long, or nested deeper than 256 directories");
}

TEST(Archive, PutsTargetsOfLinksInTheirPlaces) {
  const auto deep = hermitage::testing::deep_path(200);
  std::vector<TarEntry> entries;
  hermitage::testing::append_entry(entries, {.name = deep + "/a/b/c", .contents = "k"});
  hermitage::testing::append_entry(entries, {.name = deep + "/a/link", .type = '2', .target = "../up/b"});
  hermitage::testing::append_entry(entries, {.name = deep + "/up", .type = '2', .target = "a"});
  hermitage::testing::append_entry(entries, {.name = "short", .type = '2', .target = deep});
  EXPECT_EQ(found(entries, "short/a/link/c"), "k");
  EXPECT_EQ(found(entries, deep + "/a/link/c"), "k");
  EXPECT_EQ(found(entries, "short/" + hermitage::testing::deep_path(57)), "(none)") << "too deep";
}

TEST(Archive, HasALimitedNumberOfEntries) {
  std::vector<TarEntry> entries(entry::kMaxEntries, TarEntry{.name = "x"});
  EXPECT_EQ(found(entries, "y"), "(none)");
  entries.push_back({.name = "x"});
  EXPECT_EQ(found(entries, "y"), "the image has more than 100000 entries, the limit");
}

auto duration_of_finding(const std::vector<std::byte>& bytes, std::string_view path) -> std::chrono::duration<double> {
  const auto archive = Archive::open(bytes);
  return hermitage::testing::shortest_duration([&] { [[maybe_unused]] const auto file = archive->find(path); });
}

TEST(Archive, FindsADeepFileAsFastAsAnother) {
  const auto deep = hermitage::testing::deep_path(250);
  std::vector<TarEntry> entries(5000, TarEntry{.name = "x"});
  hermitage::testing::append_entry(entries, {.name = deep, .contents = "k"});
  const auto bytes = hermitage::testing::tar(entries);
  EXPECT_LE(duration_of_finding(bytes, deep), 5 * duration_of_finding(bytes, "x"));
}

TEST(Archive, FollowsALongChainOfLinksNoFurtherThanAShortOne) {
  std::chrono::duration<double> durations[2];
  for (const std::size_t size : {1000UZ, 10'000UZ}) {
    auto entries = hermitage::testing::link_chain(size);
    entries.insert(entries.begin(), {.name = "kernel", .contents = "k"});
    durations[size / 10'000] = duration_of_finding(hermitage::testing::tar(entries), std::to_string(size));
  }
  EXPECT_LE(durations[1], 30 * durations[0]);
}

TEST(Archive, ReadsAllOfIt) {
  EXPECT_EQ(found({{.name = "k", .contents = "k"}, {.name = "x", .type = '6'}}, "k"),
            "the image has an entry that is not a file, directory or link");
}

}  // namespace
}  // namespace hermitage::loader
