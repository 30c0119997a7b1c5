// Multiboot 1 (GNU GRUB's Multiboot Specification 0.6.96): what the boot loader tells.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "hermitage/loader/arena.hpp"
#include "hermitage/loader/failure.hpp"
#include "hermitage/loader/handover.hpp"
#include "hermitage/loader/physical_memory.hpp"

namespace hermitage::loader {

// What a boot loader of this kind has in EAX.
inline constexpr std::uint32_t kMultibootMagic = 0x2badb002;

// Reads the information at `info` into an empty handover: the first module is the image. Memory that the information
// lies in is reserved. Fails when there is no memory map, or something lies where there is no memory.
[[nodiscard]] auto read_multiboot(const PhysicalMemory& memory, GuestAddress info, Handover& handover) noexcept
    -> Result<void>;

// The same the other way round, for kernels that were started otherwise but know Multiboot: RAM and the command line,
// in the arena, whose addresses fit in 32 bits. Nothing when there is no room.
[[nodiscard]] auto write_multiboot(Arena& arena, const MemoryMap& memory_map, std::string_view command_line) noexcept
    -> std::optional<GuestAddress>;

}  // namespace hermitage::loader
