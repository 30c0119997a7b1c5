#include "hermitage/loader/platform/uefi/find_image.hpp"

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include "hermitage/loader/boot.hpp"
#include "hermitage/loader/command_line.hpp"

namespace hermitage::loader::uefi {
namespace {

// The load options as text in the arena. Empty if they cannot be a command line.
auto load_options(const LoadedImage& loaded, Arena& arena) -> std::string_view {
  const std::size_t count = loaded.load_options_size / sizeof(char16_t);
  if (loaded.load_options == nullptr || count == 0 || count > kLongestCommandLine) return {};
  const auto room = allocate_or_fail(arena, count, 1, "the command line");
  std::size_t size = 0;
  for (; size < count && loaded.load_options[size] != 0; ++size) {
    const auto character = loaded.load_options[size];
    if (character < ' ' || character > '~') return {};
    room[size] = static_cast<std::byte>(character);
  }
  return {reinterpret_cast<const char*>(room.data()), size};
}

auto read_first(SystemTable& system, const LoadedImage& loaded, std::array<const char16_t*, 2> paths)
    -> std::optional<GuestRange> {
  for (const auto* const path : paths) {
    if (const auto file = value_or_fail(read_file(system, loaded, path))) return file;
  }
  return std::nullopt;
}

auto text_of(GuestRange file) -> std::string_view {
  std::string_view text{reinterpret_cast<const char*>(file.start.value), size_of(file)};
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

// QEMU's firmware adds a word at the beginning or the end of the load options if there is an initial ramdisk. Returns
// the options without that word.
auto without_initrd(std::string_view options) -> std::optional<std::string_view> {
  constexpr std::string_view kFirst = "initrd=initrd";
  constexpr std::string_view kLast = " initrd=initrd";
  if (options.starts_with(kFirst)) {
    options.remove_prefix(kFirst.size());
  } else if (options.ends_with(kLast)) {
    options.remove_suffix(kLast.size());
  } else {
    return std::nullopt;
  }
  return options;
}

}  // namespace

auto begin_or_fail(SystemTable& system, Handle handle) noexcept -> const LoadedImage& {
  set_firmware(system);
  system.boot_services->set_watchdog_timer(0, 0, 0, nullptr);
  void* interface = nullptr;
  if (system.boot_services->handle_protocol(handle, &kLoadedImageProtocol, &interface) != kSuccess) {
    fail("the firmware does not provide the device that the loader was started from");
  }
  return *static_cast<const LoadedImage*>(interface);
}

void find_image(SystemTable& system, const LoadedImage& loaded, Handover& handover, Arena& arena) noexcept {
  handover.command_line = load_options(loaded, arena);
  if (const auto options = without_initrd(handover.command_line)) {
    handover.command_line = *options;
    handover.image = value_or_fail(read_file(system, loaded, u"initrd"));
  }
  if (!handover.image)
    handover.image = read_first(system, loaded, {u"\\EFI\\hermit\\hermit-app", u"\\EFI\\BOOT\\hermit-app"});
  if (!has_words(handover.command_line)) {
    const auto file = read_first(system, loaded, {u"\\EFI\\hermit\\hermit-bootargs", u"\\EFI\\BOOT\\hermit-bootargs"});
    if (file) handover.command_line = text_of(*file);
  }
}

}  // namespace hermitage::loader::uefi
