// The loader's calls to UEFI firmware with boot services.
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

// Sets the firmware that provides the console and ends the machine.
void set_firmware(SystemTable& system) noexcept;

// Allocates pages that the firmware then removes from conventional memory. Returns nothing if memory is insufficient.
[[nodiscard]] auto allocate(SystemTable& system, std::uint64_t size) noexcept -> std::optional<GuestRange>;
// Allocates the pages at a given address.
[[nodiscard]] auto allocate_at(SystemTable& system, GuestRange place) noexcept -> bool;

// The address of a configuration table, if present.
[[nodiscard]] auto find_table(const SystemTable& system, const Guid& guid) noexcept -> std::optional<GuestAddress>;

// Reads a file from the file system of the loader's file into newly allocated memory. Returns nothing if the file
// does not exist.
[[nodiscard]] auto read_file(SystemTable& system, const LoadedImage& loaded, const char16_t* path) noexcept
    -> Result<std::optional<GuestRange>>;

// Reads the conventional memory. Returns the key of the map, which is valid until the next allocation.
[[nodiscard]] auto read_memory_map(SystemTable& system, MemoryMap& memory_map) noexcept -> Result<std::uint64_t>;

// Ends the boot services, and fills an empty memory map with the conventional memory at that time. After this call,
// there is no console.
[[nodiscard]] auto exit_boot_services(SystemTable& system, Handle image, MemoryMap& memory_map) noexcept
    -> Result<void>;

}  // namespace hermitage::loader::uefi
