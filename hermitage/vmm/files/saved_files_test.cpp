// Saves the files of one guest, and restores them for another.
#include "hermitage/vmm/files/saved_files.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "hermitage/vmm/files/guest_files.hpp"
#include "testing/temporary_directory.hpp"

namespace hermitage::vmm {
namespace {

namespace fs = std::filesystem;
namespace uhyve = entry::uhyve;

class SavedFilesTest : public ::testing::Test {
 protected:
  SavedFilesTest() {
    fs::create_directories(host() + "/inner");
    put(host() + "/file", "0123456789");
  }

  [[nodiscard]] auto host() const -> std::string { return directory.path() + "/host"; }
  static void put(const std::string& path, std::string_view content) { std::ofstream{path} << content; }

  auto make(bool is_read_only = false) -> GuestFiles {
    GuestFiles files{directory.path()};
    EXPECT_TRUE(files.add_mappings({{.host = host(), .guest = "/data", .is_read_only = is_read_only}}));
    return files;
  }
  auto make_with_image() -> GuestFiles {
    auto files = make();
    const std::shared_ptr<std::byte[]> content = std::make_unique<std::byte[]>(3);
    std::ranges::fill(std::span{content.get(), 3}, std::byte{'i'});
    files.add_file("/etc/app/config", content, 3, 0640);
    files.add_link("/etc/link", "app/config");
    files.add_directory("/empty");
    return files;
  }

  static auto open(GuestFiles& files, std::string_view path, std::int32_t flags = 0) -> std::int32_t {
    return files.open(path, flags, 0644).value_or(-1);
  }
  static auto read(GuestFiles& files, std::int32_t descriptor, std::size_t size) -> std::string {
    std::string text(size, '\0');
    const iovec buffer{.iov_base = text.data(), .iov_len = size};
    const auto got = files.read(descriptor, {&buffer, 1});
    text.resize(got.value_or(0));
    return got ? text : "error";
  }
  static auto write(GuestFiles& files, std::int32_t descriptor, std::string text) -> bool {
    const iovec buffer{.iov_base = text.data(), .iov_len = text.size()};
    return files.write(descriptor, {&buffer, 1}) == text.size();
  }
  static auto message(const Result<void>& result) -> std::string { return result ? "" : result.error().message(); }

  testing::TemporaryDirectory directory;
};

TEST_F(SavedFilesTest, KeepDescriptorsAndPositions) {
  auto files = make_with_image();
  const auto closed = open(files, "/data/file");
  const auto mapped = open(files, "/data/file", uhyve::kOpenReadWrite);
  const auto image = open(files, "/etc/link");
  const auto own = open(files, "/tmp/own", uhyve::kOpenReadWrite | uhyve::kOpenCreate | uhyve::kOpenAppend);
  ASSERT_TRUE(files.close(closed));
  EXPECT_EQ(read(files, mapped, 4), "0123");
  EXPECT_EQ(read(files, image, 1), "i");
  EXPECT_TRUE(write(files, own, "hello"));
  ASSERT_TRUE(files.lseek(own, 1, uhyve::kSeekSet));

  const auto saved = files.save();
  ASSERT_TRUE(saved) << saved.error().message();
  auto restored = make();
  ASSERT_EQ(message(restored.restore(*saved, false)), "");
  EXPECT_FALSE(restored.close(closed));
  EXPECT_EQ(read(restored, mapped, 4), "4567");
  EXPECT_EQ(read(restored, image, 9), "ii");
  EXPECT_EQ(read(restored, own, 9), "ello");
  EXPECT_TRUE(write(restored, own, "!"));
  ASSERT_TRUE(restored.lseek(own, 0, uhyve::kSeekSet));
  EXPECT_EQ(read(restored, own, 9), "hello!");
  // The lowest free number is used next.
  EXPECT_EQ(open(restored, "/empty"), closed);
  // The two guests have separate files.
  ASSERT_TRUE(files.lseek(own, 0, uhyve::kSeekSet));
  EXPECT_EQ(read(files, own, 9), "hello");
}

TEST_F(SavedFilesTest, KeepTheTree) {
  auto files = make_with_image();
  ASSERT_TRUE(files.mkdir("/made"));
  ASSERT_TRUE(files.unlink("/etc/link"));
  const auto saved = files.save();
  ASSERT_TRUE(saved);
  auto restored = make();
  ASSERT_EQ(message(restored.restore(*saved, false)), "");
  for (const char* const path : {"/made", "/empty", "/etc/app"}) {
    const auto before = files.stat(path, true);
    const auto after = restored.stat(path, true);
    ASSERT_TRUE(before && after) << path;
    EXPECT_EQ(std::uint32_t{before->st_mode}, std::uint32_t{after->st_mode}) << path;
  }
  EXPECT_FALSE(restored.stat("/etc/link", false));
  EXPECT_EQ(std::uint32_t{restored.stat("/etc/app/config", true)->st_mode} & 0777U, 0440U);  // read-only
}

TEST_F(SavedFilesTest, RefuseAChangedFile) {
  auto files = make();
  const auto descriptor = open(files, "/data/file");
  const auto saved = files.save();
  ASSERT_TRUE(saved);
  put(host() + "/file", "changed");
  auto refused = make();
  EXPECT_EQ(message(refused.restore(*saved, false)),
            "the guest's open file '/data/file' has changed since the snapshot; --stale-files=allow accepts it");
  auto accepted = make();
  EXPECT_EQ(message(accepted.restore(*saved, true)), "");
  EXPECT_EQ(read(accepted, descriptor, 9), "changed");
}

TEST_F(SavedFilesTest, RefuseAMissingFile) {
  auto files = make();
  open(files, "/data/file");
  const auto saved = files.save();
  ASSERT_TRUE(saved);
  fs::remove(host() + "/file");
  for (const bool accepts_changed : {false, true}) {
    auto restored = make();
    EXPECT_EQ(message(restored.restore(*saved, accepts_changed)),
              "the guest's open file '/data/file' is missing, or cannot be opened any more");
  }
}

TEST_F(SavedFilesTest, RefuseOtherMappings) {
  auto files = make();
  const auto saved = files.save();
  ASSERT_TRUE(saved);
  GuestFiles without{directory.path()};
  EXPECT_EQ(message(without.restore(*saved, false)), "the guest needs --file-mapping HOST:/data");
  auto read_only = make(true);
  EXPECT_EQ(message(read_only.restore(*saved, false)),
            "the mapping of '/data' must not be read only, as in the snapshot");
  const auto saved_read_only = read_only.save();
  ASSERT_TRUE(saved_read_only);
  EXPECT_EQ(message(without.restore(*saved_read_only, false)), "the guest needs --file-mapping HOST:/data:ro");
}

TEST_F(SavedFilesTest, KeepASingleMappedFile) {
  const auto make_file = [this] {
    GuestFiles files{directory.path()};
    EXPECT_TRUE(files.add_mappings({{.host = host() + "/file", .guest = "/one", .is_read_only = true}}));
    return files;
  };
  auto files = make_file();
  const auto descriptor = open(files, "/one");
  EXPECT_EQ(read(files, descriptor, 2), "01");
  const auto saved = files.save();
  ASSERT_TRUE(saved) << saved.error().message();
  auto restored = make_file();
  ASSERT_EQ(message(restored.restore(*saved, false)), "");
  EXPECT_EQ(read(restored, descriptor, 2), "23");
}

TEST_F(SavedFilesTest, NameWhatCannotBeSaved) {
  auto files = make();
  const auto listed = open(files, "/data/inner");
  EXPECT_EQ(files.save().error().message(),
            "the guest has opened '/data/inner', a directory, whose position a snapshot cannot contain");
  ASSERT_TRUE(files.close(listed));
  const auto removed = open(files, "/tmp/x", uhyve::kOpenReadWrite | uhyve::kOpenCreate);
  ASSERT_TRUE(files.unlink("/tmp/x"));
  EXPECT_EQ(files.save().error().message(),
            "the guest has opened '/tmp/x', and its name has been removed, so a snapshot cannot contain it");
  ASSERT_TRUE(files.close(removed));
  const auto large = open(files, "/tmp/large", uhyve::kOpenReadWrite | uhyve::kOpenCreate);
  ASSERT_TRUE(files.lseek(large, static_cast<std::int64_t>(GuestFiles::kMaxSavedContent), uhyve::kSeekSet));
  ASSERT_TRUE(write(files, large, "x"));
  EXPECT_EQ(files.save().error().message(),
            "the guest has created '/tmp/large', and a snapshot contains at most 64 MiB of such files; map a directory "
            "with --file-mapping");
}

}  // namespace
}  // namespace hermitage::vmm
