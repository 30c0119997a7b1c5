// The boot info: a description of the machine and of the loader for a kernel (hermit_entry::boot_info).
//
// A kernel gets a pointer to RawBootInfo: 128 bytes in the guest's byte order. Its layout depends on the
// architecture. BootInfo holds the same values independent of the architecture. encode and decode convert between the
// two.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

#include "hermitage/entry/address.hpp"
#include "hermitage/entry/arch.hpp"
#include "hermitage/entry/kernel_object.hpp"
#include "hermitage/entry/text.hpp"

namespace hermitage::entry {

inline constexpr std::size_t kRawBootInfoSize = 128;
inline constexpr std::size_t kRawBootInfoAlignment = 8;

// The raw bytes in guest memory. Their address must be a multiple of kRawBootInfoAlignment.
using RawBootInfoBytes = std::array<std::byte, kRawBootInfoSize>;

struct HardwareInfo {
  // The range of all physical addresses. Both ends are 0 if the device tree states the range.
  GuestRange phys_addr_range = {};
  // x86_64: an I/O port, 1 to 0xffff. Other architectures: an address, not 0.
  std::optional<std::uint64_t> serial_port_base = std::nullopt;
  // The address of the flattened device tree, not 0.
  std::optional<GuestAddress> device_tree = std::nullopt;

  friend constexpr auto operator==(const HardwareInfo&, const HardwareInfo&) noexcept -> bool = default;
};

struct LoadInfo {
  GuestRange kernel_image = {};
  std::optional<TlsInfo> tls = std::nullopt;  // not all zeros

  friend constexpr auto operator==(const LoadInfo&, const LoadInfo&) noexcept -> bool = default;
};

// A UTF-8 string in guest memory: `size` bytes without a NUL.
struct CommandLine {
  GuestAddress address;  // not 0
  std::uint64_t size = 0;

  friend constexpr auto operator==(CommandLine, CommandLine) noexcept -> bool = default;
};

// Time since 1970-01-01T00:00:00Z.
struct BootTime {
  std::int64_t seconds = 0;
  std::uint32_t nanoseconds = 0;  // less than 10^9; added to `seconds`, also if those are negative

  friend constexpr auto operator<=>(const BootTime&, const BootTime&) noexcept = default;
};

// x86_64 only.
struct MultibootPlatform {
  std::optional<CommandLine> command_line = std::nullopt;
  GuestAddress multiboot_info = {};  // not 0

  friend constexpr auto operator==(const MultibootPlatform&, const MultibootPlatform&) noexcept -> bool = default;
};

// aarch64 and riscv64 only. The device tree contains everything else.
struct LinuxBootPlatform {
  friend constexpr auto operator==(LinuxBootPlatform, LinuxBootPlatform) noexcept -> bool = default;
};

struct UhyvePlatform {
  bool has_pci = false;
  std::uint64_t num_cpus = 1;                                // not 0
  std::optional<std::uint32_t> cpu_freq_khz = std::nullopt;  // not 0
  BootTime boot_time = {};

  friend constexpr auto operator==(const UhyvePlatform&, const UhyvePlatform&) noexcept -> bool = default;
};

struct LinuxBootParamsPlatform {
  std::optional<CommandLine> command_line = std::nullopt;
  GuestAddress boot_params = {};  // not 0

  friend constexpr auto operator==(const LinuxBootParamsPlatform&, const LinuxBootParamsPlatform&) noexcept
      -> bool = default;
};

// The device tree contains everything.
struct FdtPlatform {
  friend constexpr auto operator==(FdtPlatform, FdtPlatform) noexcept -> bool = default;
};

using PlatformInfo =
    std::variant<MultibootPlatform, LinuxBootPlatform, UhyvePlatform, LinuxBootParamsPlatform, FdtPlatform>;

enum class BootInfoErrorCode : std::uint8_t {
  platform_not_on_arch,  // Multiboot not on x86_64, or LinuxBoot on x86_64
  unknown_platform,      // decode: value is the tag
  serial_port_range,     // value is the port: 0, or above 0xffff on x86_64
  device_tree_zero,      // a present address must not be 0, because 0 means absence
  command_line_zero,
  platform_address_zero,  // multiboot_info or boot_params
  no_cpu,
  cpu_freq_zero,
  boot_time_range,  // nanoseconds are not below 10^9, or (decode) seconds do not fit in 64 bits
  has_pci_value,    // decode: value is neither 0 nor 1
  tls_zero,         // all values of a present TLS are 0, which means absence
};

struct BootInfoError {
  BootInfoErrorCode code;
  std::uint64_t value = 0;

  friend constexpr auto operator==(const BootInfoError&, const BootInfoError&) noexcept -> bool = default;

  [[nodiscard]] static constexpr auto severity() noexcept -> Severity { return Severity::error; }
  // The code's name as in the enum: stable.
  [[nodiscard]] auto name() const noexcept -> std::string_view;
  // One sentence for users, without a full stop.
  [[nodiscard]] auto message() const noexcept -> Message;
};

struct BootInfo {
  HardwareInfo hardware = {};
  LoadInfo load = {};
  PlatformInfo platform = FdtPlatform{};

  friend constexpr auto operator==(const BootInfo&, const BootInfo&) noexcept -> bool = default;

  // Returns the raw bytes for a guest of this architecture and byte order. Unused bytes are 0. Fails if the
  // architecture cannot express a value, or if a value does not fit in the raw form.
  [[nodiscard]] auto encode(Arch arch, Endian endian) const noexcept -> std::expected<RawBootInfoBytes, BootInfoError>;

  // The inverse: decode(encode(x)) is x. Accepts any bytes, and ignores unused ones.
  [[nodiscard]] static auto decode(std::span<const std::byte, kRawBootInfoSize> raw, Arch arch, Endian endian) noexcept
      -> std::expected<BootInfo, BootInfoError>;
};

}  // namespace hermitage::entry
