#include "hermitage/entry/relocation.hpp"

#include <elf.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "testing/elf_writer.hpp"

namespace hermitage::entry {
namespace {

constexpr Arch kArches[] = {Arch::x86_64, Arch::aarch64, Arch::riscv64};

// From <elf.h>, an independent source.
auto expected_kind(Arch arch, std::uint32_t type) -> RelocationKind {
  switch (arch) {
    case Arch::x86_64:
      if (type == R_X86_64_RELATIVE) return RelocationKind::relative;
      if (type == R_X86_64_64) return RelocationKind::absolute64;
      if (type == R_X86_64_GLOB_DAT) return RelocationKind::glob_dat;
      break;
    case Arch::aarch64:
      if (type == R_AARCH64_RELATIVE) return RelocationKind::relative;
      if (type == R_AARCH64_ABS64) return RelocationKind::absolute64;
      if (type == R_AARCH64_GLOB_DAT) return RelocationKind::glob_dat;
      break;
    case Arch::riscv64:
      if (type == R_RISCV_RELATIVE) return RelocationKind::relative;
      if (type == R_RISCV_64) return RelocationKind::absolute64;
      break;
  }
  return RelocationKind::unsupported;
}

TEST(RelocationKind, IsRightForEveryType) {
  for (const auto arch : kArches) {
    for (std::uint32_t type = 0; type < 5000; ++type) {
      EXPECT_EQ(relocation_kind(arch, type), expected_kind(arch, type)) << name(arch) << ' ' << type;
    }
    // Only the lower bits are those of a known type.
    for (const std::uint32_t type : {0x10001U, 0x10003U, 0x10008U, 0x80000001U, UINT32_MAX - 1, UINT32_MAX}) {
      EXPECT_EQ(relocation_kind(arch, type), RelocationKind::unsupported) << name(arch) << ' ' << type;
    }
    EXPECT_EQ(relocation_kind(arch, relative_relocation_type(arch)), RelocationKind::relative);
  }
}

TEST(RelocationTypeName, AgreesWithTheSystemsElfHeader) {
  struct Case {
    Arch arch;
    std::uint32_t type;
    std::string_view name;
  };
#define HERMITAGE_CASE(arch, name) \
  Case {                           \
    Arch::arch, name, #name        \
  }
  constexpr Case kCases[] = {
      HERMITAGE_CASE(x86_64, R_X86_64_NONE),
      HERMITAGE_CASE(x86_64, R_X86_64_64),
      HERMITAGE_CASE(x86_64, R_X86_64_PC32),
      HERMITAGE_CASE(x86_64, R_X86_64_GOT32),
      HERMITAGE_CASE(x86_64, R_X86_64_PLT32),
      HERMITAGE_CASE(x86_64, R_X86_64_COPY),
      HERMITAGE_CASE(x86_64, R_X86_64_GLOB_DAT),
      HERMITAGE_CASE(x86_64, R_X86_64_JUMP_SLOT),
      HERMITAGE_CASE(x86_64, R_X86_64_RELATIVE),
      HERMITAGE_CASE(x86_64, R_X86_64_GOTPCREL),
      HERMITAGE_CASE(x86_64, R_X86_64_32),
      HERMITAGE_CASE(x86_64, R_X86_64_32S),
      HERMITAGE_CASE(x86_64, R_X86_64_16),
      HERMITAGE_CASE(x86_64, R_X86_64_PC16),
      HERMITAGE_CASE(x86_64, R_X86_64_8),
      HERMITAGE_CASE(x86_64, R_X86_64_PC8),
      HERMITAGE_CASE(x86_64, R_X86_64_DTPMOD64),
      HERMITAGE_CASE(x86_64, R_X86_64_DTPOFF64),
      HERMITAGE_CASE(x86_64, R_X86_64_TPOFF64),
      HERMITAGE_CASE(x86_64, R_X86_64_TLSGD),
      HERMITAGE_CASE(x86_64, R_X86_64_TLSLD),
      HERMITAGE_CASE(x86_64, R_X86_64_DTPOFF32),
      HERMITAGE_CASE(x86_64, R_X86_64_GOTTPOFF),
      HERMITAGE_CASE(x86_64, R_X86_64_TPOFF32),
      HERMITAGE_CASE(x86_64, R_X86_64_PC64),
      HERMITAGE_CASE(x86_64, R_X86_64_GOTOFF64),
      HERMITAGE_CASE(x86_64, R_X86_64_GOTPC32),
      HERMITAGE_CASE(x86_64, R_X86_64_SIZE32),
      HERMITAGE_CASE(x86_64, R_X86_64_SIZE64),
      HERMITAGE_CASE(x86_64, R_X86_64_GOTPC32_TLSDESC),
      HERMITAGE_CASE(x86_64, R_X86_64_TLSDESC_CALL),
      HERMITAGE_CASE(x86_64, R_X86_64_TLSDESC),
      HERMITAGE_CASE(x86_64, R_X86_64_IRELATIVE),
      HERMITAGE_CASE(x86_64, R_X86_64_RELATIVE64),
      HERMITAGE_CASE(x86_64, R_X86_64_GOTPCRELX),
      HERMITAGE_CASE(x86_64, R_X86_64_REX_GOTPCRELX),
      HERMITAGE_CASE(aarch64, R_AARCH64_NONE),
      HERMITAGE_CASE(aarch64, R_AARCH64_ABS64),
      HERMITAGE_CASE(aarch64, R_AARCH64_ABS32),
      HERMITAGE_CASE(aarch64, R_AARCH64_ABS16),
      HERMITAGE_CASE(aarch64, R_AARCH64_PREL64),
      HERMITAGE_CASE(aarch64, R_AARCH64_PREL32),
      HERMITAGE_CASE(aarch64, R_AARCH64_PREL16),
      HERMITAGE_CASE(aarch64, R_AARCH64_COPY),
      HERMITAGE_CASE(aarch64, R_AARCH64_GLOB_DAT),
      HERMITAGE_CASE(aarch64, R_AARCH64_JUMP_SLOT),
      HERMITAGE_CASE(aarch64, R_AARCH64_RELATIVE),
      HERMITAGE_CASE(aarch64, R_AARCH64_TLS_DTPMOD),
      HERMITAGE_CASE(aarch64, R_AARCH64_TLS_DTPREL),
      HERMITAGE_CASE(aarch64, R_AARCH64_TLS_TPREL),
      HERMITAGE_CASE(aarch64, R_AARCH64_TLSDESC),
      HERMITAGE_CASE(aarch64, R_AARCH64_IRELATIVE),
      HERMITAGE_CASE(riscv64, R_RISCV_NONE),
      HERMITAGE_CASE(riscv64, R_RISCV_32),
      HERMITAGE_CASE(riscv64, R_RISCV_64),
      HERMITAGE_CASE(riscv64, R_RISCV_RELATIVE),
      HERMITAGE_CASE(riscv64, R_RISCV_COPY),
      HERMITAGE_CASE(riscv64, R_RISCV_JUMP_SLOT),
      HERMITAGE_CASE(riscv64, R_RISCV_TLS_DTPMOD32),
      HERMITAGE_CASE(riscv64, R_RISCV_TLS_DTPMOD64),
      HERMITAGE_CASE(riscv64, R_RISCV_TLS_DTPREL32),
      HERMITAGE_CASE(riscv64, R_RISCV_TLS_DTPREL64),
      HERMITAGE_CASE(riscv64, R_RISCV_TLS_TPREL32),
      HERMITAGE_CASE(riscv64, R_RISCV_TLS_TPREL64),
      HERMITAGE_CASE(riscv64, R_RISCV_IRELATIVE),
  };
#undef HERMITAGE_CASE
  for (const auto& [arch, type, expected] : kCases) EXPECT_EQ(relocation_type_name(arch, type), expected) << type;
}

TEST(RelocationTypeName, IsEmptyForTypesThatAreNotKnown) {
  EXPECT_EQ(relocation_type_name(Arch::x86_64, 43), "");
  EXPECT_EQ(relocation_type_name(Arch::x86_64, 1027), "");
  EXPECT_EQ(relocation_type_name(Arch::aarch64, 8), "");
  EXPECT_EQ(relocation_type_name(Arch::riscv64, 200), "");
  for (const auto arch : kArches) EXPECT_EQ(relocation_type_name(arch, UINT32_MAX), "");
}

TEST(RelocationTypeName, NamesAllThatALoaderApplies) {
  for (const auto arch : kArches) {
    for (std::uint32_t type = 0; type < 2000; ++type) {
      if (relocation_kind(arch, type) != RelocationKind::unsupported) {
        EXPECT_NE(relocation_type_name(arch, type), "") << name(arch) << ' ' << type;
      }
    }
  }
}

TEST(RelocationFits, UpToTheLastEightBytes) {
  static_assert(relocation_fits(0, 8));
  static_assert(!relocation_fits(0, 7));
  static_assert(!relocation_fits(0, 0));
  static_assert(relocation_fits(92, 100));
  static_assert(!relocation_fits(93, 100));
  static_assert(!relocation_fits(100, 100));
  static_assert(!relocation_fits(UINT64_MAX, 100));
  static_assert(!relocation_fits(UINT64_MAX - 7, 100));
  static_assert(relocation_fits(UINT64_MAX - 8, UINT64_MAX));
  static_assert(!relocation_fits(UINT64_MAX - 7, UINT64_MAX));
}

// ---- RelocationResolver

constexpr std::uint64_t kMemSize = 0x1000;
constexpr std::uint64_t kStart = 0x40000;
constexpr std::uint32_t kNull = 0;
constexpr std::uint32_t kDefined = 1;
constexpr std::uint32_t kWeakDefined = 2;
constexpr std::uint32_t kUndefined = 3;
constexpr std::uint32_t kWeakUndefined = 4;
constexpr std::uint32_t kSymbolCount = 5;

// The bytes of a symbol table with one symbol of each kind above.
class Symbols {
 public:
  Symbols() {
    put(kDefined, testing::kBindGlobal, 1, 0x120);
    put(kWeakDefined, elf::kBindWeak, 1, 0x240);
    put(kUndefined, testing::kBindGlobal, 0, 0);
    // The value of this symbol is ignored.
    put(kWeakUndefined, elf::kBindWeak, 0, 0x360);
  }

  [[nodiscard]] auto table() const -> Table<elf::Symbol> {
    return Table<elf::Symbol>{ByteView{bytes_, Endian::little}};
  }

 private:
  void put(std::size_t index, std::uint8_t bind, std::uint16_t section, std::uint64_t value) {
    const auto at = index * elf::Symbol::kSize;
    write<std::uint8_t>(bytes_, at + 4, testing::symbol_info(bind, testing::kTypeObject), Endian::little);
    write<std::uint16_t>(bytes_, at + 6, section, Endian::little);
    write<std::uint64_t>(bytes_, at + 8, value, Endian::little);
  }

  std::vector<std::byte> bytes_ = std::vector<std::byte>(kSymbolCount * elf::Symbol::kSize);
};

class RelocationResolverTest : public ::testing::Test {
 protected:
  [[nodiscard]] auto resolver(Arch arch, std::uint64_t start = kStart) const -> RelocationResolver {
    return {.arch = arch, .mem_size = kMemSize, .symbols = symbols_.table(), .start = start};
  }

  [[nodiscard]] auto resolve(Arch arch, const elf::Rela& rela) const { return resolver(arch).resolve(rela, kIndex); }

  void expect_error(Arch arch, const elf::Rela& rela, ProblemCode code, std::uint64_t expected,
                    std::uint64_t found) const {
    const auto value = resolve(arch, rela);
    ASSERT_FALSE(value);
    EXPECT_EQ(value.error().name(), Problem{.code = code}.name());
    EXPECT_EQ(value.error().index, kIndex);
    EXPECT_EQ(value.error().expected, expected);
    EXPECT_EQ(value.error().found, found);
  }

  static constexpr std::size_t kIndex = 77;

 private:
  Symbols symbols_;
};

struct Types {
  Arch arch;
  std::uint32_t relative, absolute64, glob_dat;
};
constexpr Types kX86_64{Arch::x86_64, R_X86_64_RELATIVE, R_X86_64_64, R_X86_64_GLOB_DAT};
constexpr Types kAarch64{Arch::aarch64, R_AARCH64_RELATIVE, R_AARCH64_ABS64, R_AARCH64_GLOB_DAT};
// riscv64 has no GLOB_DAT: the list contains the type that replaces it twice.
constexpr Types kRiscv64{Arch::riscv64, R_RISCV_RELATIVE, R_RISCV_64, R_RISCV_64};
constexpr Types kAllTypes[] = {kX86_64, kAarch64, kRiscv64};

TEST_F(RelocationResolverTest, RelativeIsStartPlusAddend) {
  for (const auto& types : kAllTypes) {
    EXPECT_EQ(resolve(types.arch, {.offset = 8, .type = types.relative, .addend = 0x123}), kStart + 0x123);
    EXPECT_EQ(resolve(types.arch, {.offset = 8, .type = types.relative, .addend = 0}), kStart);
    // Addends are signed, and sums wrap as in the guest.
    const auto minus_one = std::numeric_limits<std::uint64_t>::max();
    EXPECT_EQ(resolve(types.arch, {.offset = 8, .type = types.relative, .addend = minus_one}), kStart - 1);
    EXPECT_EQ(resolver(types.arch, minus_one).resolve({.type = types.relative, .addend = 3}, 0), 2U);
    // The symbol is ignored, even if it does not exist.
    EXPECT_EQ(resolve(types.arch, {.type = types.relative, .symbol = 1000, .addend = 1}), kStart + 1);
  }
}

TEST_F(RelocationResolverTest, AbsoluteIsStartPlusSymbolPlusAddend) {
  for (const auto& types : kAllTypes) {
    const auto value = [&](std::uint32_t symbol, std::uint64_t addend) {
      return resolve(types.arch, {.offset = 8, .type = types.absolute64, .symbol = symbol, .addend = addend});
    };
    EXPECT_EQ(value(kDefined, 0), kStart + 0x120);
    EXPECT_EQ(value(kDefined, 0x10), kStart + 0x130);
    EXPECT_EQ(value(kDefined, 0 - std::uint64_t{0x20}), kStart + 0x100);
    EXPECT_EQ(value(kWeakDefined, 4), kStart + 0x244);
    EXPECT_EQ(value(kUndefined, 4), kStart + 4);
    EXPECT_EQ(value(kNull, 4), kStart + 4);
  }
}

TEST_F(RelocationResolverTest, AWeakUndefinedSymbolIsZeroWhateverTheAddend) {
  for (const auto& types : kAllTypes) {
    for (const std::uint64_t addend : {std::uint64_t{0}, std::uint64_t{8}, UINT64_MAX}) {
      EXPECT_EQ(resolve(types.arch, {.type = types.absolute64, .symbol = kWeakUndefined, .addend = addend}), 0U);
      EXPECT_EQ(resolve(types.arch, {.type = types.glob_dat, .symbol = kWeakUndefined, .addend = addend}), 0U);
    }
  }
}

TEST_F(RelocationResolverTest, GlobDatHasNoAddendOnX86_64) {
  EXPECT_EQ(resolve(Arch::x86_64, {.type = kX86_64.glob_dat, .symbol = kDefined}), kStart + 0x120);
  expect_error(Arch::x86_64, {.type = kX86_64.glob_dat, .symbol = kDefined, .addend = 8},
               ProblemCode::relocation_addend, 0, 8);
  EXPECT_EQ(resolve(Arch::aarch64, {.type = kAarch64.glob_dat, .symbol = kDefined, .addend = 8}), kStart + 0x128);
}

TEST_F(RelocationResolverTest, RefusesWhatAKernelMustNotHave) {
  for (const auto& types : kAllTypes) {
    expect_error(types.arch, {.offset = 8, .type = 5000}, ProblemCode::unsupported_relocation, 0, 5000);
    expect_error(types.arch, {.offset = 8, .type = UINT32_MAX}, ProblemCode::unsupported_relocation, 0, UINT32_MAX);
    expect_error(types.arch, {.offset = 8, .type = 0}, ProblemCode::unsupported_relocation, 0, 0);
    for (const std::uint64_t offset : {kMemSize - 7, kMemSize, UINT64_MAX - 7, UINT64_MAX}) {
      for (const auto type : {types.relative, types.absolute64, types.glob_dat}) {
        expect_error(types.arch, {.offset = offset, .type = type}, ProblemCode::relocation_outside_memory, kMemSize,
                     offset);
      }
    }
    EXPECT_TRUE(resolve(types.arch, {.offset = kMemSize - 8, .type = types.relative}));
    for (const std::uint32_t symbol : {kSymbolCount, UINT32_MAX}) {
      expect_error(types.arch, {.type = types.absolute64, .symbol = symbol}, ProblemCode::relocation_symbol,
                   kSymbolCount, symbol);
    }
  }
  expect_error(Arch::riscv64, {.type = R_AARCH64_GLOB_DAT}, ProblemCode::unsupported_relocation, 0, R_AARCH64_GLOB_DAT);
}

TEST(RelocationResolver, WithoutSymbolsAllThatNeedOneFail) {
  const RelocationResolver resolver{.arch = Arch::aarch64, .mem_size = kMemSize, .symbols = {}, .start = kStart};
  const auto value = resolver.resolve({.type = kAarch64.absolute64, .symbol = 0}, 0);
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().code, ProblemCode::relocation_symbol);
}

// ---- DT_RELR

struct Walk {
  std::vector<std::uint64_t> places;
  std::size_t stopped_at;
};

// Visits at most `limit` places of the table that consists of these words.
auto walk(const std::vector<std::uint64_t>& words, Endian endian = Endian::little, std::size_t limit = SIZE_MAX)
    -> Walk {
  std::vector<std::byte> bytes(words.size() * 8);
  for (std::size_t i = 0; i < words.size(); ++i) write<std::uint64_t>(bytes, i * 8, words[i], endian);
  Walk result{};
  result.stopped_at = for_each_relr(Table<elf::RelrWord>{ByteView{bytes, endian}}, [&](std::uint64_t place) {
    if (result.places.size() == limit) return false;
    result.places.push_back(place);
    return true;
  });
  return result;
}

using Places = std::vector<std::uint64_t>;

TEST(Relr, AnAddressIsOnePlace) {
  const auto result = walk({0x1000, 0x2002, 0x10});
  EXPECT_EQ(result.places, (Places{0x1000, 0x2002, 0x10}));
  EXPECT_EQ(result.stopped_at, 3U);
  EXPECT_EQ(walk({}).stopped_at, 0U);
}

TEST(Relr, ABitmapTellsOfThe63WordsAfterAnAddress) {
  EXPECT_EQ(walk({0x1000, 0b11}).places, (Places{0x1000, 0x1008}));
  EXPECT_EQ(walk({0x1000, 0b1011}).places, (Places{0x1000, 0x1008, 0x1018}));
  EXPECT_EQ(walk({0x1000, 1}).places, (Places{0x1000}));
  const auto last = walk({0x1000, (std::uint64_t{1} << 63) | 1});
  EXPECT_EQ(last.places, (Places{0x1000, 0x1008 + 62 * 8}));
  const auto all = walk({0x1000, UINT64_MAX});
  ASSERT_EQ(all.places.size(), 64U);
  for (std::size_t i = 0; i < 64; ++i) EXPECT_EQ(all.places[i], 0x1000 + i * 8);
}

TEST(Relr, BitmapsFollowOneAnother) {
  EXPECT_EQ(walk({0x1000, 1, 0b11}).places, (Places{0x1000, 0x1008 + 63 * 8}));
  EXPECT_EQ(walk({0x1000, 0b101, 1, 0b11, 0x9000, 0b11}).places,
            (Places{0x1000, 0x1010, 0x1008 + 2 * 63 * 8, 0x9000, 0x9008}));
}

TEST(Relr, IsReadInTheFilesByteOrder) {
  EXPECT_EQ(walk({0x123456789abcdef0, 0b101}, Endian::big).places, (Places{0x123456789abcdef0, 0x123456789abcdf00}));
}

TEST(Relr, ATableThatBeginsWithABitmapIsMalformed) {
  const auto result = walk({0b11, 0x1000});
  EXPECT_TRUE(result.places.empty());
  EXPECT_EQ(result.stopped_at, 0U);
}

TEST(Relr, StopsWhenTheVisitorHasEnough) {
  EXPECT_EQ(walk({0x1000, 0x2000, 0b111}, Endian::little, 0).stopped_at, 0U);
  EXPECT_EQ(walk({0x1000, 0x2000, 0b111}, Endian::little, 1).stopped_at, 1U);
  EXPECT_EQ(walk({0x1000, 0x2000, 0b111}, Endian::little, 2).stopped_at, 2U);
  const auto within = walk({0x1000, 0x2000, 0b111, 0x3000}, Endian::little, 3);
  EXPECT_EQ(within.stopped_at, 2U);
  EXPECT_EQ(within.places, (Places{0x1000, 0x2000, 0x2008}));
  EXPECT_EQ(walk({0x1000, 0x2000, 0b111, 0x3000}, Endian::little, 5).stopped_at, 4U);
}

TEST(Relr, AddressesWrap) {
  EXPECT_EQ(walk({UINT64_MAX - 1, 0b11}).places, (Places{UINT64_MAX - 1, 6}));
}

TEST(Relr, IsTheInverseOfEncoding) {
  std::mt19937_64 random{20240229};
  for (int round = 0; round < 300; ++round) {
    Places places;
    std::uint64_t at = random() % 0x1000 * 2;
    for (auto count = random() % 300; count > 0; --count) {
      places.push_back(at);
      // Mostly small distances, as in a table of pointers.
      at += 8 * (1 + (random() % 10 == 0 ? random() % 200 : random() % 3));
      if (random() % 40 == 0) at += 2;
    }
    const auto words = testing::encode_relr(places);
    EXPECT_LE(words.size(), places.size());
    const auto result = walk(words);
    EXPECT_EQ(result.places, places);
    EXPECT_EQ(result.stopped_at, words.size());
  }
}

}  // namespace
}  // namespace hermitage::entry
