#include "hermitage/loader/image/boot_image.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "hermitage/loader/fake_machine.hpp"
#include "testing/archives.hpp"

namespace hermitage::loader {
namespace {

namespace archives = hermitage::testing;
using archives::TarEntry;
using Bytes = std::vector<std::byte>;

constexpr std::uint64_t kStart = 0x100000;
constexpr std::uint64_t kSize = 16 << 20;

auto packed(std::string_view more_config = "", std::string_view kernel = "the kernel") -> Bytes {
  const std::vector<TarEntry> entries{
      {.name = "hermit.toml", .contents = std::string{archives::kMinimalConfig} + std::string{more_config}},
      {.name = "kernel", .contents = std::string{kernel}}};
  return archives::packed(entries);
}

// 16 MiB of memory from 1 MiB on, with a file in it.
struct Machine {
  explicit Machine(const Bytes& contents, std::uint64_t file_at = kStart)
      : memory{bytes, {kStart}}, file{{file_at}, {file_at + contents.size()}} {
    EXPECT_TRUE(map.add_ram({{kStart}, {kStart + kSize}}));
    std::ranges::copy(contents, bytes.begin() + static_cast<std::ptrdiff_t>(file_at - kStart));
  }

  auto open(std::string_view line = "") -> Result<BootImage> {
    return open_image(memory, map, file, line, false, {.bounds = {{kStart}, {kStart + kSize}}, .alignment = 4096},
                      arena);
  }

  auto text(GuestRange range) const -> std::string {
    const auto found = memory.bytes(range);
    return {reinterpret_cast<const char*>(found->data()), found->size()};
  }

  Bytes bytes = Bytes(kSize, std::byte{0xa5});
  Bytes arena_bytes = Bytes(64 << 10);
  PhysicalMemory memory;
  MemoryMap map;
  GuestRange file;
  Arena arena{arena_bytes};
};

auto why(const Bytes& file) -> std::string {
  Machine machine{file};
  const auto image = machine.open();
  return image ? "nothing" : std::string{image.error().view()};
}

TEST(OpenImage, LeavesAKernelAsItIs) {
  Machine machine{Bytes(100, std::byte{0x7f}), kStart + 0x1000};
  const auto image = machine.open("a line");
  ASSERT_TRUE(image);
  EXPECT_EQ(image->kernel, machine.file);
  EXPECT_FALSE(image->archive);
  EXPECT_EQ(image->command_line, "a line");
}

TEST(OpenImage, FindsTheKernelInAPackedImage) {
  const auto file = packed("env_vars = ['A=b']\n");
  const auto archive = archives::gunzip(file);
  // Low, at the highest possible place, and directly before that.
  const auto highest = kStart + kSize - archive.size();
  for (const auto at : {kStart, kStart + kSize - file.size(), highest / 4096 * 4096 - file.size()}) {
    Machine machine{file, at};
    const auto image = machine.open("own");
    ASSERT_TRUE(image) << image.error().c_str();
    EXPECT_EQ(machine.text(image->kernel), "the kernel");
    ASSERT_TRUE(image->archive);
    EXPECT_TRUE(std::ranges::equal(*machine.memory.bytes(*image->archive), archive));
    EXPECT_FALSE(overlaps(*image->archive, machine.file));
    EXPECT_FALSE(machine.map.is_free(*image->archive));
    EXPECT_EQ(image->command_line, "own env=A=b");
    EXPECT_EQ(*(image->command_line.data() + image->command_line.size()), '\0');
  }
}

TEST(OpenImage, TakesGzipDataOfSeveralMembers) {
  const auto archive = archives::gunzip(packed("", std::string(100'000, 'k')));
  Bytes file;
  for (const auto& [start, size] : {std::pair{0UZ, 512UZ}, {512UZ, 90'000UZ}, {90'512UZ, archive.size() - 90'512}}) {
    const auto member = archives::gzip(std::span{archive}.subspan(start, size));
    file.insert(file.end(), member.begin(), member.end());
  }
  Machine machine{file};
  const auto image = machine.open();
  ASSERT_TRUE(image) << image.error().c_str();
  EXPECT_EQ(machine.text(image->kernel), std::string(100'000, 'k'));
}

TEST(OpenImage, SaysWhatIsWrong) {
  auto truncated = packed();
  truncated.resize(truncated.size() - 9);
  std::fill(truncated.end() - 4, truncated.end(), std::byte{});
  EXPECT_EQ(why(truncated), "the image is truncated within its gzip data");
  EXPECT_EQ(why(archives::gzip(Bytes(100))), "the image's tar archive is truncated within an entry");
  EXPECT_EQ(why(archives::packed(std::vector<TarEntry>{{.name = "kernel"}})),
            "the image has no hermit.toml at its root, so it is not a Hermit image");
  EXPECT_EQ(why(packed("[requirements]\ncpus = 'many'\n")),
            "hermit.toml:7: requirements.cpus is not a whole number from 0 to 4294967295");
  EXPECT_EQ(why(packed("[requirements]\nmemory = '17M'\n")), "nothing");
  EXPECT_EQ(why(packed("[requirements]\nmemory = '33M'\n")),
            "the image requires 33 MiB of memory, but the machine has 32 MiB; give it more memory");
  const std::vector<TarEntry> no_kernel{{.name = "hermit.toml", .contents = std::string{archives::kMinimalConfig}}};
  EXPECT_EQ(why(archives::packed(no_kernel)), "the image does not contain its kernel /kernel");
  EXPECT_EQ(why(packed("env_vars = ['A=" + std::string(20'000, 'a') + "']\n")),
            "the command line, with the arguments and variables of the image, is too long");
}

TEST(OpenImage, SaysWhenThereIsNoRoom) {
  auto file = packed();
  file.back() = std::byte{1};  // states a size above 16 MiB
  const auto sentence = why(file);
  EXPECT_TRUE(sentence.starts_with("out of memory for an image of ")) << sentence;

  Machine machine{packed()};
  machine.file = {{kStart + kSize - 1}, {kStart + kSize + 1}};
  EXPECT_FALSE(machine.open());
  const auto image = open_image(
      machine.memory, machine.map, {{kStart}, {kStart + packed().size()}}, "", false,
      {.bounds = {{kStart}, {kStart + kSize}}, .alignment = 4096, .claim = [](GuestRange) noexcept { return false; }},
      machine.arena);
  EXPECT_FALSE(image);
}

TEST(OpenImage, WarnsOfKeysThatItDoesNotKnow) {
  (void)testing::take_console();
  Machine machine{packed("more = 1\n")};
  ASSERT_TRUE(machine.open());
  EXPECT_TRUE(testing::take_console().contains("[WARN] hermit.toml has unknown keys\n"));
}

}  // namespace
}  // namespace hermitage::loader
