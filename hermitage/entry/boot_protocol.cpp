#include "hermitage/entry/boot_protocol.hpp"

namespace hermitage::entry {
namespace {

// A Multiboot header can be at every aligned offset at the beginning of the file. It is little endian. It begins with
// a magic number and more words, and the sum of all these words is 0.
struct MultibootHeader {
  std::uint32_t magic;
  std::size_t words;
  std::size_t searched;
  std::size_t alignment;
};
constexpr MultibootHeader kMultiboot{.magic = 0x1badb002, .words = 3, .searched = 8192, .alignment = 4};
constexpr MultibootHeader kMultiboot2{.magic = 0xe85250d6, .words = 4, .searched = 32768, .alignment = 8};

auto has_header(ByteView bytes, const MultibootHeader& header) noexcept -> bool {
  const auto area = bytes.clamped_slice(0, header.searched).bytes();
  const auto word = [area](std::size_t at) { return read<std::uint32_t, Endian::little>(area, at); };
  const auto size = header.words * sizeof(std::uint32_t);
  for (std::size_t at = 0; range_fits(at, size, area.size()); at += header.alignment) {
    if (word(at) != header.magic) continue;
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < size; i += sizeof(std::uint32_t)) sum += word(at + i);
    if (sum == 0) return true;
  }
  return false;
}

// The first HERMIT note counts, as in parsing.
auto has_hermit_note(const ElfFile& file) noexcept -> bool {
  std::optional<std::uint8_t> version;
  file.for_each_note([&](const Note& note, std::uint64_t) {
    if (!version) version = entry_version_of(note);
  });
  return version == kEntryVersion;
}

auto has_pvh_note(const ElfFile& file) noexcept -> bool {
  bool is_found = false;
  file.for_each_note(
      [&](const Note& note, std::uint64_t) { is_found = is_found || note.is(kXenNoteName, kXenPvhEntryNote); });
  return is_found;
}

}  // namespace

auto name(BootProtocol protocol) noexcept -> std::string_view {
  switch (protocol) {
    case BootProtocol::hermit: return "hermit";
    case BootProtocol::pvh: return "pvh";
    case BootProtocol::multiboot: return "multiboot";
    case BootProtocol::multiboot2: return "multiboot2";
  }
  return "unknown";
}

auto supports(const ElfFile& file, BootProtocol protocol) noexcept -> bool {
  switch (protocol) {
    case BootProtocol::hermit: return has_hermit_note(file);
    case BootProtocol::pvh: return has_pvh_note(file);
    case BootProtocol::multiboot: return has_header(file.bytes(), kMultiboot);
    case BootProtocol::multiboot2: return has_header(file.bytes(), kMultiboot2);
  }
  return false;
}

}  // namespace hermitage::entry
