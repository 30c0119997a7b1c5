#include "hermitage/entry/notes.hpp"

#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace hermitage::entry {
namespace {

using Bytes = std::vector<std::byte>;

auto bytes_of(std::string_view text) -> Bytes {
  const auto bytes = std::as_bytes(std::span{text});
  return {bytes.begin(), bytes.end()};
}

auto words(std::initializer_list<std::uint32_t> values, Endian endian) -> Bytes {
  Bytes bytes;
  for (const auto value : values) {
    for (unsigned i = 0; i < 4; ++i) {
      bytes.push_back(static_cast<std::byte>(value >> 8 * (endian == Endian::little ? i : 3 - i)));
    }
  }
  return bytes;
}

// Writes notes in sequence, as a linker does.
class NoteWriter {
 public:
  explicit NoteWriter(std::size_t padding = 4, Endian endian = Endian::little) : padding_{padding}, endian_{endian} {}

  // Writes `name` unchanged: it ends with a NUL only if the caller passes one.
  auto add(std::string_view name, std::uint32_t type, std::string_view desc) -> NoteWriter& {
    append(words({static_cast<std::uint32_t>(name.size()), static_cast<std::uint32_t>(desc.size()), type}, endian_));
    append(bytes_of(name));
    pad();
    append(bytes_of(desc));
    pad();
    return *this;
  }

  // Only a note's header.
  auto add_header(std::uint32_t name_size, std::uint32_t desc_size, std::uint32_t type) -> NoteWriter& {
    append(words({name_size, desc_size, type}, endian_));
    return *this;
  }

  auto add_bytes(std::string_view text) -> NoteWriter& {
    append(bytes_of(text));
    return *this;
  }

  [[nodiscard]] auto bytes() const -> const Bytes& { return bytes_; }

 private:
  void append(const Bytes& bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  void pad() { bytes_.resize((bytes_.size() + padding_ - 1) / padding_ * padding_, std::byte{0xee}); }

  std::size_t padding_;
  Endian endian_;
  Bytes bytes_;
};

// A literal with its NULs.
template <std::size_t size>
constexpr auto with_nul(const char (&text)[size]) -> std::string_view {
  return {text, size};
}

struct FoundNote {
  std::string name;
  std::uint32_t type;
  std::string desc;
  std::uint64_t offset;

  friend auto operator==(const FoundNote&, const FoundNote&) -> bool = default;
  friend void PrintTo(const FoundNote& note, std::ostream* stream) {  // NOLINT(readability-identifier-naming)
    *stream << '{' << note.name << ", " << note.type << ", " << note.desc << ", " << note.offset << '}';
  }
};

auto found_notes(const Bytes& bytes, std::uint64_t alignment, Endian endian = Endian::little)
    -> std::vector<FoundNote> {
  std::vector<FoundNote> found;
  for (const auto& note : Notes{ByteView{bytes, endian}, alignment}) {
    EXPECT_EQ(note.desc.endian(), endian);
    found.push_back({std::string{note.name}, note.type, std::string{note.desc.text()}, note.offset});
  }
  return found;
}

auto malformed_at(const Bytes& bytes, std::uint64_t alignment = 4) -> std::optional<std::uint64_t> {
  return Notes{ByteView{bytes, Endian::little}, alignment}.malformed_at();
}

TEST(Notes, AreNoneInNothing) {
  EXPECT_TRUE(found_notes({}, 4).empty());
  EXPECT_FALSE(malformed_at({}));
  const Notes none;
  EXPECT_TRUE(none.begin() == Notes::end());
  EXPECT_FALSE(none.malformed_at());
}

TEST(Notes, AreReadInOrderInBothByteOrders) {
  for (const auto endian : {Endian::little, Endian::big}) {
    const auto bytes = NoteWriter{4, endian}
                           .add(with_nul("HERMIT"), 0x5a00, "\x04")
                           .add(with_nul("GNU"), 1, "0123456789abcdef")
                           .add(with_nul("UHYVEIF"), 0x5b00, "abcd")
                           .bytes();
    const std::vector<FoundNote> expected{
        {"HERMIT", 0x5a00, "\x04", 0}, {"GNU", 1, "0123456789abcdef", 24}, {"UHYVEIF", 0x5b00, "abcd", 56}};
    EXPECT_EQ(found_notes(bytes, 4, endian), expected);
    EXPECT_FALSE((Notes{ByteView{bytes, endian}, 4}.malformed_at()));
  }
}

TEST(Notes, ArePaddedByTheSegmentsAlignment) {
  struct Case {
    std::uint64_t alignment;
    std::size_t padding;
  };
  constexpr Case kCases[] = {{0, 4}, {1, 4}, {2, 4}, {3, 4}, {4, 4}, {8, 8}, {16, 16}, {64, 64}};
  for (const auto& [alignment, padding] : kCases) {
    // Lengths that need no padding, the maximum of padding, and a value between.
    const auto bytes = NoteWriter{padding}
                           .add(with_nul("GNU"), 1, "12345678")
                           .add(with_nul("GNUX"), 2, "1")
                           .add(with_nul("HERMIT"), 3, "123")
                           .bytes();
    const auto found = found_notes(bytes, alignment);
    ASSERT_EQ(found.size(), 3U) << alignment;
    EXPECT_EQ(found[0].desc, "12345678") << alignment;
    EXPECT_EQ(found[1].name, "GNUX") << alignment;
    EXPECT_EQ(found[1].desc, "1") << alignment;
    EXPECT_EQ(found[2].name, "HERMIT") << alignment;
    EXPECT_EQ(found[2].desc, "123") << alignment;
    EXPECT_FALSE(malformed_at(bytes, alignment)) << alignment;
  }
}

TEST(Notes, AreNoneWhenTheAlignmentIsNoPowerOfTwo) {
  const auto bytes = NoteWriter{}.add(with_nul("GNU"), 1, "1234").bytes();
  for (const std::uint64_t alignment : {5U, 6U, 7U, 12U, 0xfffU, 0xffffffffU}) {
    EXPECT_TRUE(found_notes(bytes, alignment).empty()) << alignment;
    EXPECT_FALSE(malformed_at(bytes, alignment)) << alignment;
  }
}

TEST(Notes, AHugeAlignmentLeavesTheDescriptorOutside) {
  const auto bytes = NoteWriter{}.add(with_nul("GNU"), 1, "1234").bytes();
  const auto without_desc = NoteWriter{}.add(with_nul("GNU"), 1, "").bytes();
  for (const unsigned shift : {31U, 32U, 62U, 63U}) {
    const auto alignment = std::uint64_t{1} << shift;
    EXPECT_TRUE(found_notes(bytes, alignment).empty()) << shift;
    EXPECT_EQ(malformed_at(bytes, alignment), 0U) << shift;
    // An empty descriptor can be anywhere.
    EXPECT_EQ(found_notes(without_desc, alignment), (std::vector<FoundNote>{{"GNU", 1, "", 0}})) << shift;
    EXPECT_FALSE(malformed_at(without_desc, alignment)) << shift;
  }
}

TEST(Notes, NamesLoseOneNul) {
  const auto bytes = NoteWriter{}
                         .add("GNU", 1, "")
                         .add("", 2, "")
                         .add(with_nul(""), 3, "")
                         .add(with_nul("A\0"), 4, "")
                         .add(with_nul("A\0B"), 5, "")
                         .add("\xff\x1b", 6, "")
                         .bytes();
  std::vector<std::string> names;
  for (const auto& note : found_notes(bytes, 4)) names.push_back(note.name);
  EXPECT_EQ(names,
            (std::vector<std::string>{"GNU", "", "", std::string{"A\0", 2}, std::string{"A\0B", 3}, "\xff\x1b"}));
}

TEST(Notes, MissingPaddingAtTheEndIsNoFault) {
  auto bytes = NoteWriter{}.add(with_nul("GNU"), 1, "1234").add(with_nul("HERMIT"), 0x5a00, "\x04").bytes();
  bytes.resize(bytes.size() - 3);
  EXPECT_EQ(found_notes(bytes, 4).size(), 2U);
  EXPECT_EQ(found_notes(bytes, 4).back().desc, "\x04");
  EXPECT_FALSE(malformed_at(bytes));

  // Nor after a name without a descriptor.
  const auto name_only = NoteWriter{}.add_header(5, 0, 7).add_bytes(with_nul("ABCD")).bytes();
  EXPECT_EQ(found_notes(name_only, 4), (std::vector<FoundNote>{{"ABCD", 7, "", 0}}));
  EXPECT_FALSE(malformed_at(name_only));
}

TEST(Notes, FewerBytesThanAHeaderAtTheEndAreNoFault) {
  const auto note = NoteWriter{}.add(with_nul("GNU"), 1, "1234").bytes();
  for (std::size_t extra = 1; extra < 12; ++extra) {
    auto bytes = note;
    bytes.resize(note.size() + extra, std::byte{0xff});
    EXPECT_EQ(found_notes(bytes, 4).size(), 1U) << extra;
    EXPECT_FALSE(malformed_at(bytes)) << extra;
  }
  EXPECT_TRUE(found_notes(Bytes(11), 4).empty());
  EXPECT_FALSE(malformed_at(Bytes(11)));
  // Twelve zeros are a note without name and descriptor.
  EXPECT_EQ(found_notes(Bytes(12), 4), (std::vector<FoundNote>{{"", 0, "", 0}}));
}

TEST(Notes, EndAtTheFirstThatIsNotWhole) {
  const auto good = NoteWriter{}.add(with_nul("GNU"), 1, "1234").bytes();
  struct Case {
    std::uint32_t name_size, desc_size;
    std::string_view rest;
  };
  constexpr Case kCases[] = {
      {1, 0, ""},
      {5, 0, "ABCD"},
      {4, 1, "ABCD"},
      {4, 5, "ABCDabcd"},
      {5, 1, "ABCDE..."},  // the descriptor would begin after the padding
      {UINT32_MAX, 0, "ABCD"},
      {0, UINT32_MAX, "ABCD"},
      {UINT32_MAX, UINT32_MAX, "ABCD"},
      {UINT32_MAX - 11, 0, "ABCD"},
      {4, UINT32_MAX - 3, "ABCD"},
  };
  for (const auto& [name_size, desc_size, rest] : kCases) {
    auto writer = NoteWriter{}.add(with_nul("GNU"), 1, "1234").add_header(name_size, desc_size, 9).add_bytes(rest);
    EXPECT_EQ(found_notes(writer.bytes(), 4), (std::vector<FoundNote>{{"GNU", 1, "1234", 0}}))
        << name_size << ' ' << desc_size;
    EXPECT_EQ(malformed_at(writer.bytes()), good.size()) << name_size << ' ' << desc_size;
  }
}

TEST(Notes, EveryCutIsSeen) {
  const auto whole = NoteWriter{}.add(with_nul("HERMIT"), 0x5a00, "abcdefg").bytes();
  constexpr std::size_t kDescEnd = 12 + 8 + 7;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Bytes cut{whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)};
    const bool is_whole = size >= kDescEnd;
    EXPECT_EQ(found_notes(cut, 4).size(), is_whole ? 1U : 0U) << size;
    EXPECT_EQ(malformed_at(cut), size >= 12 && !is_whole ? std::optional<std::uint64_t>{0} : std::nullopt) << size;
  }
}

TEST(Notes, IteratorsStepAndCompare) {
  const auto bytes = NoteWriter{}.add(with_nul("A"), 1, "").add(with_nul("B"), 2, "").bytes();
  const Notes notes{ByteView{bytes, Endian::little}, 4};
  auto it = notes.begin();
  EXPECT_TRUE(it == notes.begin());
  EXPECT_EQ(it->type, 1U);
  const auto before = it++;
  EXPECT_EQ(before->type, 1U);
  EXPECT_EQ(it->type, 2U);
  EXPECT_FALSE(it == before);
  EXPECT_FALSE(it == Notes::end());
  const auto copy = it;
  EXPECT_TRUE(++it == Notes::end());
  EXPECT_EQ((*copy).name, "B");
  static_assert(std::forward_iterator<Notes::Iterator>);
}

auto note_of(std::string_view name, std::uint32_t type, const Bytes& desc, Endian endian = Endian::little) -> Note {
  return {.name = name, .type = type, .desc = ByteView{desc, endian}, .offset = 0};
}

TEST(HermitNotes, EntryVersionIsTheFirstByte) {
  EXPECT_EQ(entry_version_of(note_of("HERMIT", 0x5a00, bytes_of("\x04"))), 4);
  EXPECT_EQ(entry_version_of(note_of("HERMIT", 0x5a00, bytes_of("\xff"))), 255);
  EXPECT_EQ(entry_version_of(note_of("HERMIT", 0x5a00, words({4}, Endian::little))), 4);
  EXPECT_FALSE(entry_version_of(note_of("HERMIT", 0x5a00, {})));
  EXPECT_FALSE(entry_version_of(note_of("HERMIT", 0x5a01, bytes_of("\x04"))));
  EXPECT_FALSE(entry_version_of(note_of("Hermit", 0x5a00, bytes_of("\x04"))));
  EXPECT_FALSE(entry_version_of(note_of("HERMIT ", 0x5a00, bytes_of("\x04"))));
  EXPECT_FALSE(entry_version_of(note_of({"HERMIT\0", 7}, 0x5a00, bytes_of("\x04"))));
  EXPECT_FALSE(entry_version_of(note_of("", 0x5a00, bytes_of("\x04"))));
}

TEST(HermitNotes, HermitVersionIsInTheAbiTagOfSystemSix) {
  for (const auto endian : {Endian::little, Endian::big}) {
    EXPECT_EQ(hermit_version_of(note_of("GNU", 1, words({6, 0, 13, 2}, endian), endian)), (HermitVersion{0, 13, 2}));
    EXPECT_EQ(hermit_version_of(note_of("GNU", 1, words({6, UINT32_MAX, 1, 0}, endian), endian)),
              (HermitVersion{UINT32_MAX, 1, 0}));
    // Linux, and Hermit in the wrong byte order.
    EXPECT_FALSE(hermit_version_of(note_of("GNU", 1, words({0, 0, 13, 2}, endian), endian)));
    EXPECT_FALSE(hermit_version_of(note_of("GNU", 1, words({0x06000000, 0, 13, 2}, endian), endian)));
  }
  const auto desc = words({6, 0, 13, 2}, Endian::little);
  EXPECT_FALSE(hermit_version_of(note_of("GNU", 3, desc)));
  EXPECT_FALSE(hermit_version_of(note_of("HERMIT", 1, desc)));
  for (const std::size_t size : {0U, 1U, 4U, 12U, 15U, 17U, 20U, 32U}) {
    auto resized = desc;
    resized.resize(size);
    EXPECT_FALSE(hermit_version_of(note_of("GNU", 1, resized))) << size;
  }
}

TEST(HermitNotes, UhyveInterfaceIsBigEndianEverywhere) {
  for (const auto endian : {Endian::little, Endian::big}) {
    for (const std::uint32_t version : {0U, 1U, 2U, 3U, 256U, 0x01020304U, UINT32_MAX}) {
      EXPECT_EQ(uhyve_interface_of(note_of("UHYVEIF", 0x5b00, words({version}, Endian::big), endian)),
                UhyveInterfaceVersion{version});
    }
  }
  const auto desc = words({2}, Endian::big);
  EXPECT_FALSE(uhyve_interface_of(note_of("UHYVEIF", 0x5b01, desc)));
  EXPECT_FALSE(uhyve_interface_of(note_of("UHYVE", 0x5b00, desc)));
  for (const std::size_t size : {0U, 1U, 3U, 5U, 8U}) {
    auto resized = desc;
    resized.resize(size);
    EXPECT_FALSE(uhyve_interface_of(note_of("UHYVEIF", 0x5b00, resized))) << size;
  }
}

}  // namespace
}  // namespace hermitage::entry
