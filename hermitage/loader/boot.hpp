// The common steps to start a kernel on every machine. A failure prints a line and ends the machine.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

#include "hermitage/entry/boot_info.hpp"
#include "hermitage/loader/arena.hpp"
#include "hermitage/loader/failure.hpp"
#include "hermitage/loader/handover.hpp"
#include "hermitage/loader/image/boot_image.hpp"
#include "hermitage/loader/kernel.hpp"

namespace hermitage::loader {

// The size of the stack on which a kernel's boot processor starts: KERNEL_STACK_SIZE of the Hermit kernel.
inline constexpr std::size_t kBootStackSize = 0x8000;

[[nodiscard]] inline auto address_of(const void* pointer) noexcept -> GuestAddress {
  return {reinterpret_cast<std::uintptr_t>(pointer)};
}

template <class T>
auto value_or_fail(Result<T> result) noexcept -> T {
  if (!result) fail(result.error());
  if constexpr (!std::is_void_v<T>) return *result;
}

// Fails with "there is no room for WHAT" if there is no value.
template <class T>
auto room_or_fail(std::optional<T> room, std::string_view what) noexcept -> T {
  if (!room) fail(entry::Message{}.append("out of memory for ").append(what));
  return *room;
}

auto allocate_or_fail(Arena& arena, std::size_t size, std::size_t alignment, std::string_view what) noexcept
    -> std::span<std::byte>;

// Returns the kernel's command line, in the arena: the handover's without the loader's own arguments, which take
// effect. A NUL follows it.
auto take_command_line(const Handover& handover, Arena& arena) noexcept -> std::string_view;

void log_start(std::string_view protocol, GuestRange loader) noexcept;
void log_handover(const Handover& handover) noexcept;

void reserve_or_fail(MemoryMap& memory_map, GuestRange range) noexcept;

// Fails if the handover has no image.
void check_image_or_fail(const Handover& handover) noexcept;

struct OpenedKernel {
  BootImage image;  // from the handover
  LoadedImage kernel;
};

// Opens the image of the handover, which must exist, and loads its kernel, or fails. `user_line` is the result of
// take_command_line.
auto load_or_fail(const PhysicalMemory& memory, Handover& handover, std::string_view user_line,
                  const PlacementRules& rules, Arena& arena) noexcept -> OpenedKernel;

// Writes the raw boot info to the arena.
auto place_boot_info(const entry::BootInfo& info, const entry::KernelObject& kernel, Arena& arena) noexcept
    -> const std::byte*;

// Prints the loader's last lines: the kernel's entry point, and the handover. `boot_info` is null if it does not
// exist yet.
void log_entry(const LoadedImage& image, const void* stack, const void* boot_info) noexcept;

}  // namespace hermitage::loader
