// The boot protocols that an ELF file declares.
#pragma once

#include <cstdint>
#include <string_view>

#include "hermitage/entry/elf_file.hpp"

namespace hermitage::entry {

enum class BootProtocol : std::uint8_t {
  hermit,      // a HERMIT note of entry version 4: by a Hermit loader or Uhyve
  pvh,         // a Xen note of type 18: by QEMU, Cloud Hypervisor, Firecracker, Xen
  multiboot,   // a Multiboot 1 header in the first 8 KiB
  multiboot2,  // a Multiboot 2 header in the first 32 KiB
};

inline constexpr BootProtocol kBootProtocols[] = {BootProtocol::hermit, BootProtocol::pvh, BootProtocol::multiboot,
                                                  BootProtocol::multiboot2};

// "hermit", "pvh", "multiboot" or "multiboot2".
[[nodiscard]] auto name(BootProtocol protocol) noexcept -> std::string_view;

[[nodiscard]] auto supports(const ElfFile& file, BootProtocol protocol) noexcept -> bool;

}  // namespace hermitage::entry
