#include "hermitage/loader/image/archive.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "testing/archives.hpp"

namespace hermitage::loader {
namespace {

using testing::TarEntry;

auto found(const std::vector<TarEntry>& entries, std::string_view path) -> std::string {
  const auto bytes = testing::tar(entries);
  const auto archive = Archive::open(bytes);
  if (!archive) return archive.error().c_str();
  const auto file = archive->find(path);
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
  for (const std::string_view path : {"loop", "nowhere", "latest", "kernel/x"}) {
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

TEST(Archive, ReadsAllOfIt) {
  EXPECT_EQ(found({{.name = "k", .contents = "k"}, {.name = "x", .type = '6'}}, "k"),
            "the image has an entry that is no file, directory or link");
}

}  // namespace
}  // namespace hermitage::loader
