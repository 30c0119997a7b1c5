// What the loader asks of UEFI firmware, while it has boot services.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "hermitage/loader/failure.hpp"
#include "hermitage/loader/memory_map.hpp"
#include "hermitage/loader/physical_memory.hpp"
#include "hermitage/loader/platform/uefi/uefi.hpp"

namespace hermitage::loader::uefi {

// From now on the console and the end are those of this firmware.
void set_firmware(SystemTable& system) noexcept;

// Pages of the loader's own, which the firmware keeps out of conventional memory; nothing when there are not so many.
[[nodiscard]] auto allocate(SystemTable& system, std::uint64_t size) noexcept -> std::optional<GuestRange>;
// The same at a place.
[[nodiscard]] auto allocate_at(SystemTable& system, GuestRange place) noexcept -> bool;

// Where a configuration table is, if there is one.
[[nodiscard]] auto find_table(const SystemTable& system, const Guid& guid) noexcept -> std::optional<GuestAddress>;

// A file of the file system that the loader was started from, in memory of its own; nothing when there is no such file.
[[nodiscard]] auto read_file(SystemTable& system, const LoadedImage& loaded, const char16_t* path) noexcept
    -> Result<std::optional<GuestRange>>;

// Conventional memory. Returns the key of the map, which is good until something is allocated.
[[nodiscard]] auto read_memory_map(SystemTable& system, MemoryMap& memory_map) noexcept -> Result<std::uint64_t>;

// No more boot services: fills an empty memory map with conventional memory as it is then. There is no console any
// more.
[[nodiscard]] auto exit_boot_services(SystemTable& system, Handle image, MemoryMap& memory_map) noexcept
    -> Result<void>;

}  // namespace hermitage::loader::uefi
