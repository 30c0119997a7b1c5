#include "hermitage/launch/machine_options.hpp"

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "testing/archives.hpp"
#include "testing/temporary_directory.hpp"

namespace hermitage::launch {
namespace {

TEST(MachineOptions, HaveWhatTheSpecSays) {
  const LaunchSpec spec{.memory_size = 128 << 20,
                        .cpu_count = 2,
                        .affinity = {1, 0},
                        .arguments = {.program = {}, .kernel = {"a"}, .application = {"b"}, .environment = {"C=d"}},
                        .output = {.kind = Output::Kind::file, .path = "file"},
                        .randomizes_addresses = false,
                        .huge_pages = true,
                        .merges_pages = true,
                        .timer = true,
                        .manages_power = true};
  const auto options = machine_options_of(spec, {.sandbox = true});
  EXPECT_EQ(options.memory_size, 128U << 20);
  EXPECT_EQ(options.cpu_count, 2U);
  EXPECT_EQ(options.affinity, (std::vector<unsigned>{1, 0}));
  EXPECT_EQ(options.arguments.kernel, std::vector<std::string>{"a"});
  EXPECT_EQ(options.arguments.application, std::vector<std::string>{"b"});
  EXPECT_EQ(options.arguments.environment, std::vector<std::string>{"C=d"});
  ASSERT_TRUE(std::holds_alternative<vmm::OutputFile>(options.output));
  EXPECT_EQ(std::get<vmm::OutputFile>(options.output).path, "file");
  EXPECT_FALSE(options.randomizes_addresses);
  EXPECT_TRUE(options.huge_pages);
  EXPECT_TRUE(options.merges_pages);
  EXPECT_TRUE(options.timer);
  EXPECT_TRUE(options.manages_power);
  EXPECT_TRUE(options.ends_in_background);
  EXPECT_TRUE(options.isolation.sandbox);
}

TEST(MachineOptions, HaveTheDefaultsOfASpec) {
  const auto options = machine_options_of({}, {});
  EXPECT_TRUE(std::holds_alternative<vmm::StandardOutput>(options.output));
  EXPECT_TRUE(options.randomizes_addresses);
  EXPECT_FALSE(options.huge_pages || options.merges_pages || options.timer || options.manages_power);
  const auto silent = machine_options_of({.output = {.kind = Output::Kind::none}}, {});
  EXPECT_TRUE(std::holds_alternative<vmm::NoOutput>(silent.output));
}

TEST(MachineOptions, IsolateAsTheSpecSays) {
  const auto none = isolation_of({.file_isolation = FileIsolation::none, .has_sandbox = false});
  ASSERT_TRUE(none);
  EXPECT_EQ(none->file_isolation, vmm::FileIsolation::none);
  EXPECT_FALSE(none->sandbox);
  const auto strict = isolation_of({.file_isolation = FileIsolation::strict});
  if (!strict) GTEST_SKIP() << strict.error().text;
  EXPECT_EQ(strict->file_isolation, vmm::FileIsolation::strict);
  EXPECT_TRUE(strict->sandbox);
  EXPECT_TRUE(strict->around_caller);
  const auto usual = isolation_of({});
  ASSERT_TRUE(usual);
  EXPECT_EQ(usual->file_isolation, vmm::FileIsolation::normal);
}

TEST(MachineOptions, ATemporaryDirectoryThatIsAskedForHasToBeThere) {
  const testing::TemporaryDirectory directory;
  EXPECT_TRUE(files_of({.tempdir = directory.path()}, nullptr));
  for (const auto& path : {directory.file("none"), directory.write("file", "")}) {
    const auto files = files_of({.tempdir = path}, nullptr);
    ASSERT_FALSE(files);
    EXPECT_EQ(files.error().code, Failure::Code::usage);
    EXPECT_TRUE(files.error().text.starts_with("--tempdir: '" + path + "': ")) << files.error().text;
  }
}

TEST(MachineOptions, AMappingThatIsWrongIsWrongUsage) {
  const testing::TemporaryDirectory directory;
  const auto files = files_of({.file_mappings = {{.host = directory.file("none/file"), .guest = "/file"}}}, nullptr);
  ASSERT_FALSE(files);
  EXPECT_EQ(files.error().code, Failure::Code::usage);
  EXPECT_TRUE(files.error().text.starts_with("--file-mapping: ")) << files.error().text;
}

// Unless the guest finds the image in its memory.
TEST(MachineOptions, AnImagesFilesAreTheGuests) {
  const auto bytes = testing::image_with(std::vector<testing::TarEntry>{{.name = "data/file", .contents = "content"}});
  const auto image = image::Image::open(bytes);
  ASSERT_TRUE(image) << image.error().message();
  auto external = files_of({}, &*image);
  ASSERT_TRUE(external);
  EXPECT_EQ(external->top_directories(), std::vector<std::string>{"/data"});
  auto internal = files_of({.image_mode = ImageMode::internal}, &*image);
  ASSERT_TRUE(internal);
  EXPECT_TRUE(internal->top_directories().empty());
}

}  // namespace
}  // namespace hermitage::launch
