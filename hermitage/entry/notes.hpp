// ELF notes, and the notes that identify a Hermit kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <ranges>
#include <span>
#include <string_view>

#include "hermitage/entry/bytes.hpp"
#include "hermitage/entry/version.hpp"

namespace hermitage::entry {

inline constexpr std::string_view kHermitNoteName = "HERMIT";
inline constexpr std::uint32_t kHermitEntryVersionNote = 0x5a00;  // desc: one byte, the entry version
inline constexpr std::string_view kUhyveNoteName = "UHYVEIF";
inline constexpr std::uint32_t kUhyveInterfaceNote = 0x5b00;  // desc: big-endian u32
inline constexpr std::string_view kGnuNoteName = "GNU";
inline constexpr std::uint32_t kGnuAbiTagNote = 1;  // desc: four 32-bit words: operating system, major, minor, patch
inline constexpr std::uint32_t kGnuAbiTagHermit = 6;
inline constexpr std::string_view kXenNoteName = "Xen";
inline constexpr std::uint32_t kXenPvhEntryNote = 18;  // XEN_ELFNOTE_PHYS32_ENTRY

struct Note {
  std::string_view name;  // without the final NUL of the file
  std::uint32_t type = 0;
  ByteView desc;
  std::uint64_t offset = 0;  // of the note's header, from the beginning of the bytes passed to Notes

  [[nodiscard]] auto is(std::string_view wanted_name, std::uint32_t wanted_type) const noexcept -> bool {
    return type == wanted_type && name == wanted_name;
  }
};

// The notes of one PT_NOTE segment. The iteration ends at the first note that the segment does not contain
// completely.
class Notes {
 public:
  class Iterator {
   public:
    using iterator_concept = std::forward_iterator_tag;
    using iterator_category = std::input_iterator_tag;
    using value_type = Note;
    using difference_type = std::ptrdiff_t;
    using reference = Note;
    using pointer = const Note*;

    Iterator() noexcept = default;
    Iterator(ByteView bytes, std::uint64_t alignment) noexcept;

    auto operator*() const noexcept -> Note { return note_; }
    auto operator->() const noexcept -> const Note* { return &note_; }
    auto operator++() noexcept -> Iterator&;
    auto operator++(int) noexcept -> Iterator;
    friend auto operator==(const Iterator& a, const Iterator& b) noexcept -> bool { return a.offset_ == b.offset_; }
    friend auto operator==(const Iterator& it, std::default_sentinel_t) noexcept -> bool { return it.offset_ == kEnd; }

   private:
    static constexpr std::uint64_t kEnd = UINT64_MAX;

    void read_note() noexcept;

    ByteView bytes_;
    std::uint64_t alignment_ = 4;
    std::uint64_t offset_ = kEnd;  // of the current note
    std::uint64_t next_ = 0;       // of the one after it
    Note note_;
  };

  Notes() noexcept = default;
  // `alignment` is p_align of the segment, the alignment of names and descriptors. A value below 4 means 4, as in
  // other ELF tools. It must be a power of two; otherwise there are no notes.
  Notes(ByteView bytes, std::uint64_t alignment) noexcept;

  [[nodiscard]] auto begin() const noexcept -> Iterator { return {bytes_, alignment_}; }
  [[nodiscard]] static auto end() noexcept -> std::default_sentinel_t { return {}; }

  // The offset of the first note whose name or descriptor is truncated or malformed, if any. Missing padding after
  // the last note, and a rest that is smaller than a note's header, are permitted.
  [[nodiscard]] auto malformed_at() const noexcept -> std::optional<std::uint64_t>;

 private:
  ByteView bytes_;
  std::uint64_t alignment_ = 4;
};

}  // namespace hermitage::entry

// The iterators refer to the file.
template <>
inline constexpr bool std::ranges::enable_borrowed_range<hermitage::entry::Notes> = true;

namespace hermitage::entry {

// The value of an entry version note. Nothing for another note or an empty one.
[[nodiscard]] auto entry_version_of(const Note& note) noexcept -> std::optional<std::uint8_t>;

// The value of an ABI tag of Hermit. Nothing for another note, operating system or size.
[[nodiscard]] auto hermit_version_of(const Note& note) noexcept -> std::optional<HermitVersion>;

// The value of a Uhyve interface note. Nothing for another note or size.
[[nodiscard]] auto uhyve_interface_of(const Note& note) noexcept -> std::optional<UhyveInterfaceVersion>;

}  // namespace hermitage::entry
