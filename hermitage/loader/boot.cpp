#include "hermitage/loader/boot.hpp"

#include <cstring>

#include "hermitage/loader/command_line.hpp"
#include "hermitage/loader/log.hpp"
#include "hermitage/loader/machine.hpp"

namespace hermitage::loader {
namespace {

// In the arena, which kernels do not overwrite.
constinit std::string_view handover_word;

}  // namespace

auto allocate_or_fail(Arena& arena, std::size_t size, std::size_t alignment, std::string_view what) noexcept
    -> std::span<std::byte> {
  const auto room = arena.allocate(size, alignment);
  if (room.empty()) fail(entry::Message{}.append("out of memory for ").append(what));
  return room;
}

auto take_command_line(const Handover& handover, Arena& arena) noexcept -> std::string_view {
  const auto line = handover.command_line;
  const auto room = allocate_or_fail(arena, line.size() + 1, 1, "the command line");
  auto* const text = reinterpret_cast<char*>(room.data());
  LoaderOptions options;
  const auto size = split_command_line(line, {text, line.size()}, options);
  text[size] = '\0';
  if (options.log_level) set_log_level(*options.log_level);
  if (!options.handover.empty()) {
    const auto copy = allocate_or_fail(arena, options.handover.size(), 1, "the command line");
    std::memcpy(copy.data(), options.handover.data(), copy.size());
    handover_word = {reinterpret_cast<const char*>(copy.data()), copy.size()};
  }
  if (!options.unknown.empty()) LogLine{LogLevel::warn}.text("Unknown option ").text(options.unknown);
  return {text, size};
}

void log_start(std::string_view protocol, GuestRange loader) noexcept {
  LogLine{LogLevel::info}
      .text("Hermitage loader " HERMITAGE_VERSION " for ")
      .text(entry::name(machine::kArch))
      .text(", started by ")
      .text(protocol);
  LogLine{LogLevel::info}.text("Loader: ").range(loader);
}

void log_handover(const Handover& handover) noexcept {
  for (const auto range : handover.memory.ram()) LogLine{LogLevel::info}.text("Memory: ").range(range);
  if (const auto image = handover.image) {
    LogLine{LogLevel::info}.text("Image: ").range(*image).text(", ").decimal(size_of(*image)).text(" bytes");
  }
  LogLine{LogLevel::info}.text("Command line: ").text(handover.command_line);
  if (!handover.firmware_lack.empty()) LogLine{LogLevel::warn}.text(handover.firmware_lack);
}

void reserve_or_fail(MemoryMap& memory_map, GuestRange range) noexcept {
  if (!memory_map.reserve(range)) fail("the memory map has too many ranges");
}

void check_image_or_fail(const Handover& handover) noexcept {
  if (!handover.image) fail("no image: pass it as the initial ramdisk (QEMU: -initrd IMAGE)");
}

auto load_or_fail(const PhysicalMemory& memory, Handover& handover, std::string_view user_line,
                  const PlacementRules& rules, Arena& arena) noexcept -> OpenedKernel {
  const auto image = value_or_fail(
      open_image(memory, handover.memory, *handover.image, user_line, handover.names_loader, rules, arena));
  return {image, value_or_fail(load_kernel(memory, handover.memory, image.kernel, rules))};
}

auto place_boot_info(const entry::BootInfo& info, const entry::KernelObject& kernel, Arena& arena) noexcept
    -> const std::byte* {
  const auto raw = info.encode(kernel.arch(), kernel.endian());
  if (!raw) fail(raw.error().message());
  const auto room = allocate_or_fail(arena, raw->size(), entry::kRawBootInfoAlignment, "the boot information");
  std::memcpy(room.data(), raw->data(), raw->size());
  return room.data();
}

void log_entry(const LoadedImage& image, const void* stack, const void* boot_info) noexcept {
  {
    LogLine line{LogLevel::info};
    line.text("Entering kernel at ").address(image.kernel.entry_point).text(", stack at ").address(address_of(stack));
    if (boot_info != nullptr) line.text(", boot info at ").address(address_of(boot_info));
  }
  // After this line, all console output is from the kernel.
  if (!handover_word.empty()) LogLine{LogLevel::off}.text(handover_word);
}

}  // namespace hermitage::loader
