// Multiboot 1 (GNU GRUB's Multiboot Specification 0.6.96): the information from the boot loader.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "hermitage/loader/arena.hpp"
#include "hermitage/loader/failure.hpp"
#include "hermitage/loader/handover.hpp"
#include "hermitage/loader/physical_memory.hpp"

namespace hermitage::loader {

// The value of EAX from a Multiboot boot loader.
inline constexpr std::uint32_t kMultibootMagic = 0x2badb002;

// Reads the information at `info` into an empty handover. The first module is the image. Reserves the memory of the
// information. Fails if there is no memory map, or if an address is outside of the memory.
[[nodiscard]] auto read_multiboot(const PhysicalMemory& memory, GuestAddress info, Handover& handover) noexcept
    -> Result<void>;

// Writes Multiboot information for kernels that support it, after a start by another protocol: RAM and the command
// line. It is in the arena, whose addresses must fit in 32 bits. Returns nothing if the arena is full.
[[nodiscard]] auto write_multiboot(Arena& arena, const MemoryMap& memory_map, std::string_view command_line) noexcept
    -> std::optional<GuestAddress>;

}  // namespace hermitage::loader
