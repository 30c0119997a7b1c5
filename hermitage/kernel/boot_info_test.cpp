#include "hermitage/kernel/boot_info.hpp"

#include <bit>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include <gtest/gtest.h>

#include "hermitage/kernel/entry.hpp"

namespace hermitage::kernel {
namespace {

using entry::BootInfo, entry::GuestAddress;

// The raw boot info as a loader passes it to a kernel of this architecture.
auto hand_over(const BootInfo& info) -> RawBootInfo {
  const auto bytes = info.encode(kArch, entry::kNativeEndian);
  EXPECT_TRUE(bytes.has_value());
  return std::bit_cast<RawBootInfo>(*bytes);
}

auto sample() -> BootInfo {
  return {.hardware = {.phys_addr_range = {.start = {0x1000}, .end = {0x2000}},
                       .serial_port_base = 0x3f8,
                       .device_tree = GuestAddress{0x4000}},
          .load = {.kernel_image = {.start = {0x5000}, .end = {0x6000}},
                   .tls = entry::TlsInfo{.start = {0x7000}, .filesz = 0x80, .memsz = 0x90, .align = 0x10}}};
}

TEST(KernelBootInfo, FieldsAreWhereALoaderPutsThem) {
  const auto raw = hand_over(sample());
  EXPECT_EQ(raw.phys_addr_start, 0x1000);
  EXPECT_EQ(raw.phys_addr_end, 0x2000);
  EXPECT_EQ(raw.serial_port_base, 0x3f8);
  EXPECT_EQ(raw.device_tree, 0x4000);
  EXPECT_EQ(raw.kernel_image_addr_start, 0x5000);
  EXPECT_EQ(raw.kernel_image_addr_end, 0x6000);
  EXPECT_EQ(raw.tls_start, 0x7000);
  EXPECT_EQ(raw.tls_filesz, 0x80);
  EXPECT_EQ(raw.tls_memsz, 0x90);
  EXPECT_EQ(raw.tls_align, 0x10);
  EXPECT_EQ(raw.platform, PlatformTag::fdt);
}

TEST(KernelBootInfo, FieldsOfUhyveAreWhereALoaderPutsThem) {
  auto info = sample();
  info.platform = entry::UhyvePlatform{
      .has_pci = true, .num_cpus = 3, .cpu_freq_khz = 2'000'000, .boot_time = {.seconds = 1, .nanoseconds = 2}};
  const auto raw = hand_over(info);
  EXPECT_EQ(raw.platform, PlatformTag::uhyve);
  EXPECT_EQ(raw.uhyve.has_pci, 1);
  EXPECT_EQ(raw.uhyve.num_cpus, 3);
  EXPECT_EQ(raw.uhyve.cpu_freq_khz, 2'000'000);
  struct Words {
    std::uint64_t words[2];
  };
  struct Bytes {
    std::byte bytes[16];
  };
  Bytes boot_time;
  for (std::size_t i = 0; i < sizeof boot_time.bytes; ++i) boot_time.bytes[i] = raw.uhyve.boot_time[i];
  const auto words = std::bit_cast<Words>(boot_time);
  EXPECT_EQ(words.words[entry::kNativeEndian == entry::Endian::little ? 0 : 1], 1'000'000'002);
}

TEST(KernelBootInfo, FieldsOfACommandLineAreWhereALoaderPutsThem) {
  auto info = sample();
  info.platform = entry::LinuxBootParamsPlatform{.command_line = entry::CommandLine{.address = {0x8000}, .size = 12},
                                                 .boot_params = {0x9000}};
  const auto raw = hand_over(info);
  EXPECT_EQ(raw.platform, PlatformTag::linux_boot_params);
  EXPECT_EQ(raw.command_line.command_line, 0x8000);
  EXPECT_EQ(raw.command_line.command_line_size, 12);
  EXPECT_EQ(raw.command_line.info, 0x9000);
}

TEST(KernelBootInfo, DecodesWhatALoaderEncodes) {
  auto info = sample();
  EXPECT_EQ(decode(hand_over(info)), info);
  info.platform = entry::UhyvePlatform{.num_cpus = 64, .boot_time = {.seconds = -1, .nanoseconds = 999'999'999}};
  EXPECT_EQ(decode(hand_over(info)), info);
  info.platform = entry::LinuxBootParamsPlatform{.boot_params = {0x9000}};
  EXPECT_EQ(decode(hand_over(info)), info);
  EXPECT_EQ(decode(hand_over({})), BootInfo{});
}

TEST(KernelBootInfo, TellsWhatItDoesNotKnow) {
  auto raw = hand_over(sample());
  raw.platform = static_cast<PlatformTag>(77);
  const auto decoded = decode(raw);
  ASSERT_FALSE(decoded.has_value());
  EXPECT_EQ(decoded.error().code, entry::BootInfoErrorCode::unknown_platform);
  EXPECT_EQ(decoded.error().value, 77);
}

// A kernel may declare its entry point like this, and the compiler checks its type.
extern "C" [[maybe_unused]] Entry some_entry_point;
static_assert(std::is_same_v<decltype(some_entry_point), Entry>);

}  // namespace
}  // namespace hermitage::kernel
