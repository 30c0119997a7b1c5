#include "hermitage/entry/boot_info.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace hermitage::entry {
namespace {

__extension__ using Int128 = __int128;
__extension__ using UInt128 = unsigned __int128;

constexpr std::int64_t kFirstSecond = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kLastSecond = std::numeric_limits<std::int64_t>::max();
constexpr std::uint32_t kLastNanosecond = 999'999'999;

struct Guest {
  std::string_view name;
  Arch arch;
  Endian endian;
};

// The layout depends on the architecture, and the byte order on the guest. Includes pairs that Hermit does not
// support.
constexpr Guest kGuests[] = {
    {"x86_64", Arch::x86_64, Endian::little},   {"x86_64, big", Arch::x86_64, Endian::big},
    {"aarch64", Arch::aarch64, Endian::little}, {"aarch64, big", Arch::aarch64, Endian::big},
    {"riscv64", Arch::riscv64, Endian::little}, {"riscv64, big", Arch::riscv64, Endian::big},
};

// ---- An independent implementation of the layout, from the documentation of the ABI

// 128 bytes, filled with numbers byte by byte.
class Raw {
 public:
  explicit Raw(Endian endian) : endian_{endian} {}

  auto put(std::size_t offset, std::size_t width, UInt128 value) -> Raw& {
    for (std::size_t i = 0; i < width; ++i) {
      const auto shift = 8 * (endian_ == Endian::little ? i : width - 1 - i);
      bytes_.at(offset + i) = static_cast<std::byte>(static_cast<unsigned char>(value >> shift));
    }
    return *this;
  }

  [[nodiscard]] auto bytes() const -> const RawBootInfoBytes& { return bytes_; }

 private:
  Endian endian_;
  RawBootInfoBytes bytes_{};
};

auto boot_time_offset(Arch arch) -> std::size_t {
  return arch == Arch::x86_64 ? 88 + 24 : 88 + 20;
}

auto nanoseconds_of(BootTime time) -> UInt128 {
  constexpr Int128 kPerSecond = 1'000'000'000;
  return static_cast<UInt128>(time.seconds * kPerSecond + time.nanoseconds);
}

void put_addresses(Raw& raw, const std::optional<CommandLine>& command_line, GuestAddress address) {
  if (command_line) raw.put(88, 8, command_line->address.value).put(96, 8, command_line->size);
  raw.put(104, 8, address.value);
}

// The expected raw bytes for a BootInfo that can be encoded.
auto expected_bytes(const BootInfo& info, const Guest& guest) -> RawBootInfoBytes {
  Raw raw{guest.endian};
  const auto& [hardware, load, platform] = info;
  raw.put(0, 8, hardware.phys_addr_range.start.value).put(8, 8, hardware.phys_addr_range.end.value);
  raw.put(16, guest.arch == Arch::x86_64 ? 2 : 8, hardware.serial_port_base.value_or(0));
  raw.put(24, 8, hardware.device_tree.value_or(GuestAddress{}).value);
  raw.put(32, 8, load.kernel_image.start.value).put(40, 8, load.kernel_image.end.value);
  const auto tls = load.tls.value_or(TlsInfo{});
  raw.put(48, 8, tls.start.value).put(56, 8, tls.filesz).put(64, 8, tls.memsz).put(72, 8, tls.align);
  if (const auto* multiboot = std::get_if<MultibootPlatform>(&platform)) {
    raw.put(80, 4, 0);
    put_addresses(raw, multiboot->command_line, multiboot->multiboot_info);
  } else if (std::holds_alternative<LinuxBootPlatform>(platform)) {
    raw.put(80, 4, 0);
  } else if (const auto* uhyve = std::get_if<UhyvePlatform>(&platform)) {
    raw.put(80, 4, 1);
    raw.put(88, 1, uhyve->has_pci ? 1 : 0).put(96, 8, uhyve->num_cpus);
    raw.put(104, 4, uhyve->cpu_freq_khz.value_or(0));
    raw.put(boot_time_offset(guest.arch), 16, nanoseconds_of(uhyve->boot_time));
  } else if (const auto* boot_params = std::get_if<LinuxBootParamsPlatform>(&platform)) {
    raw.put(80, 4, 2);
    put_addresses(raw, boot_params->command_line, boot_params->boot_params);
  } else {
    raw.put(80, 4, 3);
  }
  return raw.bytes();
}

auto hex_text(std::span<const std::byte> bytes) -> std::string {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    text += "0123456789abcdef"[std::to_integer<unsigned>(bytes[i]) >> 4];
    text += "0123456789abcdef"[std::to_integer<unsigned>(bytes[i]) & 0xf];
    if (i % 8 == 7) text += '\n';
  }
  return text;
}

void expect_encoded(const BootInfo& info, const Guest& guest, std::span<const std::byte> expected) {
  const auto raw = info.encode(guest.arch, guest.endian);
  ASSERT_TRUE(raw) << guest.name << ": " << raw.error().message().view();
  EXPECT_EQ(hex_text(*raw), hex_text(expected)) << guest.name;
  const auto decoded = BootInfo::decode(*raw, guest.arch, guest.endian);
  ASSERT_TRUE(decoded) << guest.name << ": " << decoded.error().message().view();
  EXPECT_TRUE(*decoded == info) << guest.name;
}

void expect_error(const BootInfo& info, const Guest& guest, BootInfoError expected) {
  const auto raw = info.encode(guest.arch, guest.endian);
  ASSERT_FALSE(raw) << guest.name;
  EXPECT_EQ(raw.error().name(), expected.name()) << guest.name;
  EXPECT_EQ(raw.error().value, expected.value) << guest.name;
}

void expect_decode_error(const Raw& raw, const Guest& guest, BootInfoError expected) {
  const auto info = BootInfo::decode(raw.bytes(), guest.arch, guest.endian);
  ASSERT_FALSE(info) << guest.name;
  EXPECT_EQ(info.error().name(), expected.name()) << guest.name;
  EXPECT_EQ(info.error().value, expected.value) << guest.name;
}

auto uhyve_info(BootTime time) -> BootInfo {
  return {.platform = UhyvePlatform{.boot_time = time}};
}

// A value in every field.
auto full_info(const PlatformInfo& platform) -> BootInfo {
  return {.hardware = {.phys_addr_range = {.start = {0x0102030405060708}, .end = {0x1112131415161718}},
                       .serial_port_base = 0x2122,
                       .device_tree = GuestAddress{0x3132333435363738}},
          .load = {.kernel_image = {.start = {0x4142434445464748}, .end = {0x5152535455565758}},
                   .tls = TlsInfo{.start = {0x6162636465666768},
                                  .filesz = 0x7172737475767778,
                                  .memsz = 0x8182838485868788,
                                  .align = 0x9192939495969798}},
          .platform = platform};
}

constexpr CommandLine kCommandLine{.address = {0xa1a2a3a4a5a6a7a8}, .size = 0xb1b2b3b4b5b6b7b8};
constexpr UhyvePlatform kUhyve{.has_pci = true,
                               .num_cpus = 0xa1a2a3a4a5a6a7a8,
                               .cpu_freq_khz = 0xb1b2b3b4,
                               .boot_time = {.seconds = 1'700'000'000, .nanoseconds = 123'456'789}};

// ---- Encoding

TEST(BootInfo, IsAsLargeAndAsAlignedAsTheKernelsIs) {
  static_assert(kRawBootInfoSize == 128);
  static_assert(kRawBootInfoAlignment == 8);
}

TEST(BootInfo, EncodesUhyveOnX86_64AtDocumentedOffsets) {
  // 1,700,000,000,123,456,789 = 0x17979cfe3d85cd15.
  constexpr unsigned char kExpected[] = {
      0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01,  //   0 phys_addr_start
      0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11,  //   8 phys_addr_end
      0x22, 0x21, 0,    0,    0,    0,    0,    0,     //  16 serial_port_base: two bytes
      0x38, 0x37, 0x36, 0x35, 0x34, 0x33, 0x32, 0x31,  //  24 device_tree
      0x48, 0x47, 0x46, 0x45, 0x44, 0x43, 0x42, 0x41,  //  32 kernel_image_addr_start
      0x58, 0x57, 0x56, 0x55, 0x54, 0x53, 0x52, 0x51,  //  40 kernel_image_addr_end
      0x68, 0x67, 0x66, 0x65, 0x64, 0x63, 0x62, 0x61,  //  48 TLS start
      0x78, 0x77, 0x76, 0x75, 0x74, 0x73, 0x72, 0x71,  //  56 TLS filesz
      0x88, 0x87, 0x86, 0x85, 0x84, 0x83, 0x82, 0x81,  //  64 TLS memsz
      0x98, 0x97, 0x96, 0x95, 0x94, 0x93, 0x92, 0x91,  //  72 TLS align
      1,    0,    0,    0,    0,    0,    0,    0,     //  80 platform tag
      1,    0,    0,    0,    0,    0,    0,    0,     //  88 has_pci
      0xa8, 0xa7, 0xa6, 0xa5, 0xa4, 0xa3, 0xa2, 0xa1,  //  96 num_cpus
      0xb4, 0xb3, 0xb2, 0xb1, 0,    0,    0,    0,     // 104 cpu_freq
      0x15, 0xcd, 0x85, 0x3d, 0xfe, 0x9c, 0x97, 0x17,  // 112 boot_time
      0,    0,    0,    0,    0,    0,    0,    0,
  };
  expect_encoded(full_info(kUhyve), kGuests[0], std::as_bytes(std::span{kExpected}));
}

TEST(BootInfo, EncodesUhyveOnBigEndianAarch64AtDocumentedOffsets) {
  constexpr unsigned char kExpected[] = {
      0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08,  //   0 phys_addr_start
      0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18,  //   8 phys_addr_end
      0,    0,    0,    0,    0,    0,    0x21, 0x22,  //  16 serial_port_base: eight bytes
      0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38,  //  24 device_tree
      0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48,  //  32 kernel_image_addr_start
      0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58,  //  40 kernel_image_addr_end
      0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68,  //  48 TLS start
      0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78,  //  56 TLS filesz
      0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88,  //  64 TLS memsz
      0x91, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98,  //  72 TLS align
      0,    0,    0,    1,    0,    0,    0,    0,     //  80 platform tag
      1,    0,    0,    0,    0,    0,    0,    0,     //  88 has_pci
      0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8,  //  96 num_cpus
      0xb1, 0xb2, 0xb3, 0xb4,                          // 104 cpu_freq
      0,    0,    0,    0,    0,    0,    0,    0,     // 108 boot_time, not aligned
      0x17, 0x97, 0x9c, 0xfe, 0x3d, 0x85, 0xcd, 0x15,  //
      0,    0,    0,    0,
  };
  static_assert(sizeof kExpected == 128);
  expect_encoded(full_info(kUhyve), kGuests[3], std::as_bytes(std::span{kExpected}));
}

TEST(BootInfo, EncodesMultibootOnX86_64AtDocumentedOffsets) {
  constexpr unsigned char kPayload[] = {
      0,    0,    0,    0,    0,    0,    0,    0,     //  80 platform tag
      0xa8, 0xa7, 0xa6, 0xa5, 0xa4, 0xa3, 0xa2, 0xa1,  //  88 command line pointer
      0xb8, 0xb7, 0xb6, 0xb5, 0xb4, 0xb3, 0xb2, 0xb1,  //  96 command line length
      0xc8, 0xc7, 0xc6, 0xc5, 0xc4, 0xc3, 0xc2, 0xc1,  // 104 multiboot information
      0,    0,    0,    0,    0,    0,    0,    0,    0, 0, 0, 0, 0, 0, 0, 0,
  };
  const auto raw = full_info(MultibootPlatform{.command_line = kCommandLine, .multiboot_info = {0xc1c2c3c4c5c6c7c8}})
                       .encode(Arch::x86_64, Endian::little);
  ASSERT_TRUE(raw);
  EXPECT_EQ(hex_text(std::span{*raw}.subspan(80)), hex_text(std::as_bytes(std::span{kPayload})));
}

TEST(BootInfo, EncodesEveryPlatformForEveryGuest) {
  const PlatformInfo platforms[] = {
      MultibootPlatform{.command_line = kCommandLine, .multiboot_info = {0xc1c2c3c4c5c6c7c8}},
      MultibootPlatform{.command_line = std::nullopt, .multiboot_info = {1}},
      LinuxBootPlatform{},
      kUhyve,
      UhyvePlatform{},
      UhyvePlatform{.num_cpus = UINT64_MAX, .cpu_freq_khz = UINT32_MAX},
      UhyvePlatform{.num_cpus = 1, .cpu_freq_khz = 1},
      LinuxBootParamsPlatform{.command_line = kCommandLine, .boot_params = {0xc1c2c3c4c5c6c7c8}},
      LinuxBootParamsPlatform{.command_line = CommandLine{.address = {1}, .size = 0}, .boot_params = {UINT64_MAX}},
      LinuxBootParamsPlatform{.command_line = std::nullopt, .boot_params = {1}},
      FdtPlatform{},
  };
  for (const auto& guest : kGuests) {
    for (const auto& platform : platforms) {
      const bool is_multiboot = std::holds_alternative<MultibootPlatform>(platform);
      const bool is_linux_boot = std::holds_alternative<LinuxBootPlatform>(platform);
      for (const auto& info : {full_info(platform), BootInfo{.platform = platform}}) {
        if (guest.arch == Arch::x86_64 ? is_linux_boot : is_multiboot) {
          expect_error(info, guest, {.code = BootInfoErrorCode::platform_not_on_arch});
        } else {
          expect_encoded(info, guest, expected_bytes(info, guest));
        }
      }
    }
  }
}

TEST(BootInfo, AnEmptyOneIsZerosButForItsPlatform) {
  for (const auto& guest : kGuests) expect_encoded(BootInfo{}, guest, Raw{guest.endian}.put(80, 4, 3).bytes());
}

TEST(BootInfo, EncodesTheSerialPort) {
  for (const auto& guest : kGuests) {
    const bool is_x86_64 = guest.arch == Arch::x86_64;
    const auto with_port = [](std::uint64_t port) { return BootInfo{.hardware = {.serial_port_base = port}}; };
    for (const std::uint64_t port : {0x1U, 0x3f8U, 0x1030U, 0xffffU}) {
      expect_encoded(with_port(port), guest, expected_bytes(with_port(port), guest));
    }
    for (const std::uint64_t port : {std::uint64_t{0x10000}, std::uint64_t{0x1'0000'03f8}, UINT64_MAX}) {
      if (is_x86_64) {
        expect_error(with_port(port), guest, {.code = BootInfoErrorCode::serial_port_range, .value = port});
      } else {
        expect_encoded(with_port(port), guest, expected_bytes(with_port(port), guest));
      }
    }
    expect_error(with_port(0), guest, {.code = BootInfoErrorCode::serial_port_range, .value = 0});
  }
}

TEST(BootInfo, EncodesATlsOfWhichAnythingIsNotZero) {
  for (const auto& guest : kGuests) {
    const TlsInfo parts[] = {
        {.start = {1}}, {.start = {}, .filesz = 1}, {.start = {}, .memsz = 1}, {.start = {}, .align = 1}};
    for (const auto& tls : parts) {
      const BootInfo info{.load = {.tls = tls}};
      expect_encoded(info, guest, expected_bytes(info, guest));
    }
    expect_error({.load = {.tls = TlsInfo{}}}, guest, {.code = BootInfoErrorCode::tls_zero});
  }
}

TEST(BootInfo, ZerosThatStandForAbsenceAreErrors) {
  for (const auto& guest : kGuests) {
    expect_error({.hardware = {.device_tree = GuestAddress{0}}}, guest, {.code = BootInfoErrorCode::device_tree_zero});
    const CommandLine no_address{.address = {0}, .size = 5};
    expect_error({.platform = LinuxBootParamsPlatform{.command_line = no_address, .boot_params = {1}}}, guest,
                 {.code = BootInfoErrorCode::command_line_zero});
    expect_error({.platform = LinuxBootParamsPlatform{.command_line = kCommandLine, .boot_params = {0}}}, guest,
                 {.code = BootInfoErrorCode::platform_address_zero});
    expect_error({.platform = LinuxBootParamsPlatform{}}, guest, {.code = BootInfoErrorCode::platform_address_zero});
    expect_error({.platform = UhyvePlatform{.num_cpus = 0}}, guest, {.code = BootInfoErrorCode::no_cpu});
    expect_error({.platform = UhyvePlatform{.cpu_freq_khz = 0}}, guest, {.code = BootInfoErrorCode::cpu_freq_zero});
    if (guest.arch != Arch::x86_64) continue;
    expect_error({.platform = MultibootPlatform{.command_line = no_address, .multiboot_info = {1}}}, guest,
                 {.code = BootInfoErrorCode::command_line_zero});
    expect_error({.platform = MultibootPlatform{}}, guest, {.code = BootInfoErrorCode::platform_address_zero});
  }
}

// ---- The boot time

TEST(BootInfo, EncodesEveryBootTime) {
  constexpr BootTime kTimes[] = {
      {0, 0},
      {0, 1},
      {0, kLastNanosecond},
      {1, 0},
      {-1, 0},
      {-1, 1},
      {-1, kLastNanosecond},
      {-2, 500'000'000},
      {1'700'000'000, 123'456'789},
      {-1'700'000'000, 123'456'789},
      // The smallest values that need more than 63, 64 and 65 bits of nanoseconds.
      {9'223'372'036, 854'775'807},
      {9'223'372'036, 854'775'808},
      {18'446'744'073, 709'551'615},
      {18'446'744'073, 709'551'616},
      {-9'223'372'037, 145'224'192},
      {-9'223'372'037, 145'224'191},
      {-18'446'744'074, 290'448'384},
      {-18'446'744'074, 290'448'383},
      {kLastSecond, 0},
      {kLastSecond, kLastNanosecond},
      {kLastSecond - 1, kLastNanosecond},
      {kFirstSecond, 0},
      {kFirstSecond, 1},
      {kFirstSecond, kLastNanosecond},
      {kFirstSecond + 1, 0},
  };
  for (const auto& guest : kGuests) {
    for (const auto& time : kTimes) expect_encoded(uhyve_info(time), guest, expected_bytes(uhyve_info(time), guest));
  }
}

TEST(BootInfo, ABootTimeBefore1970IsTwosComplement) {
  const auto little = uhyve_info({-1, kLastNanosecond}).encode(Arch::x86_64, Endian::little);
  ASSERT_TRUE(little);
  EXPECT_EQ(hex_text(std::span{*little}.subspan(112)), "ffffffffffffffff\nffffffffffffffff\n");
  const auto big = uhyve_info({-1, kLastNanosecond - 1}).encode(Arch::riscv64, Endian::big);
  ASSERT_TRUE(big);
  EXPECT_EQ(hex_text(std::span{*big}.subspan(108, 16)), "ffffffffffffffff\nfffffffffffffffe\n");
}

TEST(BootInfo, ABootTimeHasLessThanASecondOfNanoseconds) {
  for (const auto& guest : kGuests) {
    for (const std::uint32_t nanoseconds : {1'000'000'000U, 1'000'000'001U, UINT32_MAX}) {
      expect_error(uhyve_info({0, nanoseconds}), guest,
                   {.code = BootInfoErrorCode::boot_time_range, .value = nanoseconds});
      expect_error(uhyve_info({-1, nanoseconds}), guest,
                   {.code = BootInfoErrorCode::boot_time_range, .value = nanoseconds});
    }
  }
}

auto raw_uhyve(const Guest& guest, UInt128 boot_time) -> Raw {
  Raw raw{guest.endian};
  raw.put(80, 4, 1).put(96, 8, 1).put(boot_time_offset(guest.arch), 16, boot_time);
  return raw;
}

TEST(BootInfo, DecodesBootTimesThatFitAndNoOthers) {
  const auto first = nanoseconds_of({kFirstSecond, 0});
  const auto last = nanoseconds_of({kLastSecond, kLastNanosecond});
  constexpr auto kHighestBit = static_cast<UInt128>(1) << 127;
  for (const auto& guest : kGuests) {
    const auto decoded = [&](UInt128 time) {
      return BootInfo::decode(raw_uhyve(guest, time).bytes(), guest.arch, guest.endian);
    };
    ASSERT_TRUE(decoded(first));
    EXPECT_TRUE(*decoded(first) == uhyve_info({kFirstSecond, 0}));
    ASSERT_TRUE(decoded(last));
    EXPECT_TRUE(*decoded(last) == uhyve_info({kLastSecond, kLastNanosecond}));
    ASSERT_TRUE(decoded(static_cast<UInt128>(-1)));
    EXPECT_TRUE(*decoded(static_cast<UInt128>(-1)) == uhyve_info({-1, kLastNanosecond}));
    for (const auto time :
         {first - 1, last + 1, first - 1'000'000'000, last + 1'000'000'000, kHighestBit, kHighestBit - 1,
          kHighestBit + 1, last << 8, first << 8, static_cast<UInt128>(1'000'000'000) << 96}) {
      expect_decode_error(raw_uhyve(guest, time), guest, {.code = BootInfoErrorCode::boot_time_range});
    }
  }
}

// ---- Decoding

TEST(BootInfo, DecodesOnlyKnownPlatforms) {
  for (const auto& guest : kGuests) {
    for (const std::uint32_t tag : {4U, 5U, 255U, 256U, 0x01000000U, 0x03000000U, UINT32_MAX}) {
      Raw raw{guest.endian};
      raw.put(80, 4, tag);
      expect_decode_error(raw, guest, {.code = BootInfoErrorCode::unknown_platform, .value = tag});
    }
  }
}

TEST(BootInfo, TagZeroIsMultibootOnX86_64AndLinuxBootElsewhere) {
  for (const auto& guest : kGuests) {
    const auto empty = Raw{guest.endian};
    if (guest.arch == Arch::x86_64) {
      expect_decode_error(empty, guest, {.code = BootInfoErrorCode::platform_address_zero});
    } else {
      const auto info = BootInfo::decode(empty.bytes(), guest.arch, guest.endian);
      ASSERT_TRUE(info) << guest.name;
      EXPECT_TRUE(*info == BootInfo{.platform = LinuxBootPlatform{}}) << guest.name;
    }
  }
}

TEST(BootInfo, DecodesNothingThatTheKernelWouldChokeOn) {
  for (const auto& guest : kGuests) {
    expect_decode_error(Raw{guest.endian}.put(80, 4, 2), guest, {.code = BootInfoErrorCode::platform_address_zero});
    expect_decode_error(Raw{guest.endian}.put(80, 4, 1), guest, {.code = BootInfoErrorCode::no_cpu});
    for (const unsigned has_pci : {2U, 0x80U, 0xffU}) {
      expect_decode_error(raw_uhyve(guest, 0).put(88, 1, has_pci), guest,
                          {.code = BootInfoErrorCode::has_pci_value, .value = has_pci});
    }
  }
}

TEST(BootInfo, ACommandLineWithoutAddressIsNone) {
  for (const auto& guest : kGuests) {
    Raw raw{guest.endian};
    raw.put(80, 4, 2).put(96, 8, 77).put(104, 8, 5);
    const auto info = BootInfo::decode(raw.bytes(), guest.arch, guest.endian);
    ASSERT_TRUE(info);
    EXPECT_TRUE(*info == BootInfo{.platform = LinuxBootParamsPlatform{.boot_params = {5}}}) << guest.name;
  }
}

// Whether a field of this platform uses the byte.
auto is_used(std::size_t at, std::uint32_t tag, Arch arch) -> bool {
  if (at < 80) return arch != Arch::x86_64 || at < 18 || at >= 24;
  if (at < 84) return true;
  const auto time_at = boot_time_offset(arch);
  switch (tag) {
    case 1: return at == 88 || (at >= 96 && at < 108) || (at >= time_at && at < time_at + 16);
    case 0: return arch == Arch::x86_64 && at >= 88 && at < 112;
    case 2: return at >= 88 && at < 112;
    default: return false;
  }
}

TEST(BootInfo, IgnoresUnusedBytes) {
  const PlatformInfo platforms[] = {MultibootPlatform{.multiboot_info = {1}}, LinuxBootPlatform{}, kUhyve,
                                    LinuxBootParamsPlatform{.boot_params = {1}}, FdtPlatform{}};
  constexpr std::uint32_t kTags[] = {0, 0, 1, 2, 3};
  for (const auto& guest : kGuests) {
    for (std::size_t i = 0; i < std::size(platforms); ++i) {
      const auto info = full_info(platforms[i]);
      auto raw = info.encode(guest.arch, guest.endian);
      if (!raw) continue;
      for (std::size_t at = 0; at < raw->size(); ++at) {
        if (is_used(at, kTags[i], guest.arch)) continue;
        EXPECT_EQ((*raw)[at], std::byte{0}) << guest.name << ' ' << at;
        (*raw)[at] = std::byte{0xff};
      }
      const auto decoded = BootInfo::decode(*raw, guest.arch, guest.endian);
      ASSERT_TRUE(decoded) << guest.name;
      EXPECT_TRUE(*decoded == info) << guest.name << ' ' << i;
    }
  }
}

// ---- Round trips

// Random numbers, often edge values. The sequence is the same on every machine.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_{seed} {}

  auto below(std::uint64_t limit) -> std::uint64_t { return engine_() % limit; }
  auto chance() -> bool { return below(2) == 0; }

  auto number() -> std::uint64_t {
    switch (below(6)) {
      case 0: return below(3);
      case 1: return UINT64_MAX - below(3);
      case 2: return std::uint64_t{1} << below(64);
      default: return engine_() >> below(64);
    }
  }
  auto not_zero() -> std::uint64_t { return std::max<std::uint64_t>(number(), 1); }

  auto info(Arch arch) -> BootInfo {
    BootInfo info{.hardware = {.phys_addr_range = {.start = {number()}, .end = {number()}}},
                  .load = {.kernel_image = {.start = {number()}, .end = {number()}}},
                  .platform = platform(arch)};
    if (chance()) info.hardware.serial_port_base = arch == Arch::x86_64 ? 1 + below(0xffff) : not_zero();
    if (chance()) info.hardware.device_tree = GuestAddress{not_zero()};
    if (chance()) info.load.tls = TlsInfo{{number()}, number(), number(), not_zero()};
    return info;
  }

  auto bytes() -> RawBootInfoBytes {
    RawBootInfoBytes bytes;
    for (auto& byte : bytes) byte = chance() ? static_cast<std::byte>(engine_() >> 56) : std::byte{0};
    return bytes;
  }

 private:
  auto command_line() -> std::optional<CommandLine> {
    if (chance()) return std::nullopt;
    return CommandLine{.address = {not_zero()}, .size = number()};
  }

  auto platform(Arch arch) -> PlatformInfo {
    switch (below(4)) {
      case 0:
        if (arch != Arch::x86_64) return LinuxBootPlatform{};
        return MultibootPlatform{.command_line = command_line(), .multiboot_info = {not_zero()}};
      case 1: {
        UhyvePlatform uhyve{.has_pci = chance(), .num_cpus = not_zero()};
        if (chance()) uhyve.cpu_freq_khz = static_cast<std::uint32_t>(1 + below(UINT32_MAX));
        uhyve.boot_time = {static_cast<std::int64_t>(number()), static_cast<std::uint32_t>(below(kLastNanosecond + 1))};
        return uhyve;
      }
      case 2: return LinuxBootParamsPlatform{.command_line = command_line(), .boot_params = {not_zero()}};
      default: return FdtPlatform{};
    }
  }

  std::mt19937_64 engine_;
};

TEST(BootInfo, RandomOnesAreEncodedByteForByteAndDecodedAgain) {
  Random random{1};
  for (int round = 0; round < 5000; ++round) {
    for (const auto& guest : kGuests) {
      const auto info = random.info(guest.arch);
      const auto raw = info.encode(guest.arch, guest.endian);
      ASSERT_TRUE(raw) << raw.error().message().view();
      ASSERT_EQ(hex_text(*raw), hex_text(expected_bytes(info, guest))) << guest.name;
      const auto decoded = BootInfo::decode(*raw, guest.arch, guest.endian);
      ASSERT_TRUE(decoded) << decoded.error().message().view();
      ASSERT_TRUE(*decoded == info) << guest.name;
    }
  }
}

// Decodes random bytes with this platform tag, and returns whether that succeeded. The result must encode to the same
// bytes, except for unused ones.
auto check_random_bytes(const Guest& guest, RawBootInfoBytes bytes, std::uint32_t tag) -> bool {
  write<std::uint32_t>(bytes, 80, tag, guest.endian);
  const auto info = BootInfo::decode(bytes, guest.arch, guest.endian);
  if (!info) return false;

  for (std::size_t at = 0; at < bytes.size(); ++at) {
    if (!is_used(at, tag, guest.arch)) bytes[at] = std::byte{0};
  }
  // The size of an absent command line.
  const bool has_command_line = tag == 2 || (tag == 0 && guest.arch == Arch::x86_64);
  if (has_command_line && read<std::uint64_t>(bytes, 88, guest.endian) == 0) {
    write<std::uint64_t>(bytes, 96, 0, guest.endian);
  }
  const auto raw = info->encode(guest.arch, guest.endian);
  EXPECT_TRUE(raw) << guest.name << ' ' << tag;
  EXPECT_EQ(hex_text(raw.value_or(RawBootInfoBytes{})), hex_text(bytes)) << guest.name << ' ' << tag;
  return true;
}

TEST(BootInfo, RandomBytesAreDecodedOrRefused) {
  Random random{2};
  std::size_t decoded = 0;
  for (int round = 0; round < 1000; ++round) {
    for (const auto& guest : kGuests) {
      for (const std::uint32_t tag : {0U, 1U, 2U, 3U, 4U}) {
        auto bytes = random.bytes();
        if (random.chance()) bytes[88] &= std::byte{1};
        if (random.chance()) {
          // A boot time of this age: random values rarely fit.
          const auto time_at = boot_time_offset(guest.arch);
          write<std::uint64_t>(bytes, guest.endian == Endian::little ? time_at + 8 : time_at, 0, guest.endian);
        }
        if (check_random_bytes(guest, bytes, tag)) ++decoded;
      }
    }
  }
  EXPECT_GT(decoded, 15'000U);
}

// ---- Errors

TEST(BootInfoError, HasANameAndAMessageForEveryCode) {
  constexpr std::pair<BootInfoErrorCode, std::string_view> kCodes[] = {
      {BootInfoErrorCode::platform_not_on_arch, "platform_not_on_arch"},
      {BootInfoErrorCode::unknown_platform, "unknown_platform"},
      {BootInfoErrorCode::serial_port_range, "serial_port_range"},
      {BootInfoErrorCode::device_tree_zero, "device_tree_zero"},
      {BootInfoErrorCode::command_line_zero, "command_line_zero"},
      {BootInfoErrorCode::platform_address_zero, "platform_address_zero"},
      {BootInfoErrorCode::no_cpu, "no_cpu"},
      {BootInfoErrorCode::cpu_freq_zero, "cpu_freq_zero"},
      {BootInfoErrorCode::boot_time_range, "boot_time_range"},
      {BootInfoErrorCode::has_pci_value, "has_pci_value"},
      {BootInfoErrorCode::tls_zero, "tls_zero"},
  };
  std::set<std::string> messages;
  for (std::size_t i = 0; i < std::size(kCodes); ++i) {
    const auto& [code, name] = kCodes[i];
    EXPECT_EQ(static_cast<std::size_t>(code), i);
    const BootInfoError error{.code = code, .value = UINT64_MAX};
    EXPECT_EQ(error.name(), name);
    const std::string message{error.message().view()};
    ASSERT_FALSE(message.empty()) << name;
    EXPECT_LT(message.size(), 319U) << name;
    EXPECT_NE(message.back(), '.') << name;
    EXPECT_NE(message.back(), ' ') << name;
    EXPECT_TRUE(messages.insert(message).second) << name;
  }
  EXPECT_EQ((BootInfoError{.code = static_cast<BootInfoErrorCode>(std::size(kCodes))}.name()), "unknown");
}

TEST(BootInfoError, MessagesTellTheValue) {
  EXPECT_EQ((BootInfoError{.code = BootInfoErrorCode::unknown_platform, .value = 17}.message().view()),
            "unknown platform tag 17");
  EXPECT_EQ((BootInfoError{.code = BootInfoErrorCode::serial_port_range, .value = 0x10000}.message().view()),
            "serial port base 0x10000 is out of range: not 0, and on x86_64 at most 0xffff");
  EXPECT_EQ((BootInfoError{.code = BootInfoErrorCode::has_pci_value, .value = 2}.message().view()),
            "has_pci is 2 instead of 0 or 1");
}

}  // namespace
}  // namespace hermitage::entry
