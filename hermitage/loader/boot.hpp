// The steps that starting a kernel takes on every machine. What fails ends the machine with a line.
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

// The stack that a kernel's boot processor starts on: KERNEL_STACK_SIZE of the Hermit kernel.
inline constexpr std::size_t kBootStackSize = 0x8000;

[[nodiscard]] inline auto address_of(const void* pointer) noexcept -> GuestAddress {
  return {reinterpret_cast<std::uintptr_t>(pointer)};
}

template <class T>
auto value_or_fail(Result<T> result) noexcept -> T {
  if (!result) fail(result.error());
  if constexpr (!std::is_void_v<T>) return *result;
}

// "there is no room for WHAT", when there is none.
template <class T>
auto room_or_fail(std::optional<T> room, std::string_view what) noexcept -> T {
  if (!room) fail(entry::Message{}.append("out of memory for ").append(what));
  return *room;
}

auto allocate_or_fail(Arena& arena, std::size_t size, std::size_t alignment, std::string_view what) noexcept
    -> std::span<std::byte>;

// The kernel's command line, in the arena: that of the handover without the loader's own words, which it heeds. A NUL
// follows.
auto take_command_line(const Handover& handover, Arena& arena) noexcept -> std::string_view;

void log_start(std::string_view protocol, GuestRange loader) noexcept;
void log_handover(const Handover& handover) noexcept;

void reserve_or_fail(MemoryMap& memory_map, GuestRange range) noexcept;

// The end, where no image was handed over.
void check_image_or_fail(const Handover& handover) noexcept;

struct OpenedKernel {
  BootImage image;  // that was handed over
  LoadedImage kernel;
};

// Opens the image that was handed over, which is there, and loads its kernel; or the end. `user_line` is what
// take_command_line gave.
auto load_or_fail(const PhysicalMemory& memory, Handover& handover, std::string_view user_line,
                  const PlacementRules& rules, Arena& arena) noexcept -> OpenedKernel;

// The raw boot information, in the arena.
auto place_boot_info(const entry::BootInfo& info, const entry::KernelObject& kernel, Arena& arena) noexcept
    -> const std::byte*;

// The loader's last lines: where the kernel begins, and the handover. `boot_info` may be null, where it is not made
// yet.
void log_entry(const LoadedImage& image, const void* stack, const void* boot_info) noexcept;

}  // namespace hermitage::loader
