// The boot info that a kernel gets at its entry, laid out for the architecture of the compilation:
// hermit_entry::boot_info::RawBootInfo.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>

#include "hermitage/entry/arch.hpp"
#include "hermitage/entry/boot_info.hpp"
#include "hermitage/entry/bytes.hpp"

namespace hermitage::kernel {

#if defined(__x86_64__)
inline constexpr entry::Arch kArch = entry::Arch::x86_64;
using SerialPortBase = std::uint16_t;  // an I/O port
#define HERMITAGE_BOOT_TIME_ALIGNMENT 8
#elif defined(__aarch64__) || (defined(__riscv) && __riscv_xlen == 64)
#if defined(__aarch64__)
inline constexpr entry::Arch kArch = entry::Arch::aarch64;
#else
inline constexpr entry::Arch kArch = entry::Arch::riscv64;
#endif
using SerialPortBase = std::uint64_t;  // an address
#define HERMITAGE_BOOT_TIME_ALIGNMENT 1
#else
#error "Hermit does not run on this architecture"
#endif

enum class PlatformTag : std::uint32_t {
#if defined(__x86_64__)
  multiboot = 0,
#else
  linux_boot = 0,
#endif
  uhyve = 1,
  linux_boot_params = 2,
  fdt = 3,
};

// For PlatformTag::uhyve.
struct RawUhyvePlatform {
  std::uint8_t has_pci;
  std::uint64_t num_cpus;
  std::uint32_t cpu_freq_khz;  // 0: unknown
  // Nanoseconds since 1970-01-01T00:00:00Z: a 128-bit integer in two's complement.
  alignas(HERMITAGE_BOOT_TIME_ALIGNMENT) std::byte boot_time[16];
};
#undef HERMITAGE_BOOT_TIME_ALIGNMENT

// For PlatformTag::multiboot (x86_64) and PlatformTag::linux_boot_params.
struct RawCommandLinePlatform {
  std::uint64_t command_line;  // address; 0: none
  std::uint64_t command_line_size;
  std::uint64_t info;  // address of the Multiboot information, or of boot_params
};

// An Entry gets the address of this struct. The values are not interpreted: `decode` finds which are present.
struct RawBootInfo {
  std::uint64_t phys_addr_start;
  std::uint64_t phys_addr_end;
  SerialPortBase serial_port_base;  // 0: none
  std::uint64_t device_tree;        // address; 0: none
  std::uint64_t kernel_image_addr_start;
  std::uint64_t kernel_image_addr_end;
  std::uint64_t tls_start;
  std::uint64_t tls_filesz;
  std::uint64_t tls_memsz;
  std::uint64_t tls_align;
  PlatformTag platform;
  union {
    RawUhyvePlatform uhyve;
    RawCommandLinePlatform command_line;
  };
};
static_assert(sizeof(RawBootInfo) == entry::kRawBootInfoSize && alignof(RawBootInfo) == entry::kRawBootInfoAlignment);
static_assert(offsetof(RawBootInfo, serial_port_base) == 16 && offsetof(RawBootInfo, device_tree) == 24 &&
              offsetof(RawBootInfo, kernel_image_addr_start) == 32 && offsetof(RawBootInfo, tls_start) == 48 &&
              offsetof(RawBootInfo, platform) == 80 && offsetof(RawBootInfo, uhyve) == 88 &&
              offsetof(RawUhyvePlatform, num_cpus) == 8 && offsetof(RawUhyvePlatform, cpu_freq_khz) == 16 &&
              offsetof(RawUhyvePlatform, boot_time) == (kArch == entry::Arch::x86_64 ? 24 : 20) &&
              offsetof(RawCommandLinePlatform, info) == 16);

// The boot info with types: entry::BootInfo::decode, which must be linked with the kernel.
// (hermitage/entry/boot_info.cpp is freestanding. Compile it with the flags of the kernel.)
[[nodiscard]] inline auto decode(const RawBootInfo& raw) noexcept
    -> std::expected<entry::BootInfo, entry::BootInfoError> {
  return entry::BootInfo::decode(std::as_bytes(std::span<const RawBootInfo, 1>{&raw, 1}), kArch, entry::kNativeEndian);
}

}  // namespace hermitage::kernel
