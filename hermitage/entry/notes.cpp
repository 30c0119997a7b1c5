#include "hermitage/entry/notes.hpp"

#include <utility>

namespace hermitage::entry {
namespace {

constexpr std::uint64_t kHeaderSize = 12;
constexpr std::uint64_t kDefaultAlignment = 4;

// Reads the note at `offset` and moves `offset` after it. Returns nothing if the note is truncated or malformed.
auto take_note(ByteView bytes, std::uint64_t alignment, std::uint64_t& offset) noexcept -> std::optional<Note> {
  const auto header = bytes.slice(offset, kHeaderSize);
  if (!header) return std::nullopt;
  const auto name_size = header->get<std::uint32_t>(0);
  const auto desc_size = header->get<std::uint32_t>(4);

  const auto name = bytes.slice(offset + kHeaderSize, name_size);
  if (!name) return std::nullopt;
  // Padding is relative to the note's beginning. These sums of 32-bit sizes cannot overflow.
  const auto desc_at = checked_align_up(kHeaderSize + name_size, alignment);
  if (!desc_at) return std::nullopt;
  const auto desc = bytes.slice(offset + *desc_at, desc_size);
  if (!desc && desc_size != 0) return std::nullopt;

  auto text = name->text();
  if (text.ends_with('\0')) text.remove_suffix(1);
  const Note note{.name = text,
                  .type = header->get<std::uint32_t>(8),
                  .desc = desc.value_or(ByteView{{}, bytes.endian()}),
                  .offset = offset};

  const auto size = checked_align_up(*desc_at + desc_size, alignment);
  const auto next = size ? checked_add(offset, *size) : std::nullopt;
  offset = next && *next < bytes.size() ? *next : bytes.size();
  return note;
}

}  // namespace

Notes::Iterator::Iterator(ByteView bytes, std::uint64_t alignment) noexcept : bytes_{bytes}, alignment_{alignment} {
  read_note();
}

auto Notes::Iterator::operator++() noexcept -> Iterator& {
  read_note();
  return *this;
}

auto Notes::Iterator::operator++(int) noexcept -> Iterator {
  auto before = *this;
  read_note();
  return before;
}

void Notes::Iterator::read_note() noexcept {
  offset_ = next_;
  const auto note = take_note(bytes_, alignment_, next_);
  if (note) {
    note_ = *note;
  } else {
    offset_ = kEnd;
  }
}

Notes::Notes(ByteView bytes, std::uint64_t alignment) noexcept
    : bytes_{alignment <= kDefaultAlignment || is_power_of_two(alignment) ? bytes : ByteView{}},
      alignment_{alignment < kDefaultAlignment ? kDefaultAlignment : alignment} {}

auto Notes::malformed_at() const noexcept -> std::optional<std::uint64_t> {
  std::uint64_t offset = 0;
  while (range_fits(offset, kHeaderSize, bytes_.size())) {
    const auto note_offset = offset;
    if (!take_note(bytes_, alignment_, offset)) return note_offset;
  }
  return std::nullopt;
}

auto entry_version_of(const Note& note) noexcept -> std::optional<std::uint8_t> {
  if (!note.is(kHermitNoteName, kHermitEntryVersionNote) || note.desc.empty()) return std::nullopt;
  return note.desc.get<std::uint8_t>(0);
}

auto hermit_version_of(const Note& note) noexcept -> std::optional<HermitVersion> {
  if (!note.is(kGnuNoteName, kGnuAbiTagNote) || note.desc.size() != 4 * sizeof(std::uint32_t)) return std::nullopt;
  if (note.desc.get<std::uint32_t>(0) != kGnuAbiTagHermit) return std::nullopt;
  return HermitVersion{.major = note.desc.get<std::uint32_t>(4),
                       .minor = note.desc.get<std::uint32_t>(8),
                       .patch = note.desc.get<std::uint32_t>(12)};
}

auto uhyve_interface_of(const Note& note) noexcept -> std::optional<UhyveInterfaceVersion> {
  if (!note.is(kUhyveNoteName, kUhyveInterfaceNote) || note.desc.size() != sizeof(std::uint32_t)) return std::nullopt;
  return UhyveInterfaceVersion{read<std::uint32_t, Endian::big>(note.desc.bytes(), 0)};
}

}  // namespace hermitage::entry
