// The records and constants of ELF64 that Hermit kernels use.
// Names follow the ELF specification (gABI) without its prefixes: Segment::vaddr is p_vaddr.
#pragma once

#include <cstddef>
#include <cstdint>

#include "hermitage/entry/bytes.hpp"

namespace hermitage::entry::elf {

inline constexpr std::size_t kIdentSize = 16;
inline constexpr std::size_t kIdentClass = 4;
inline constexpr std::size_t kIdentData = 5;
inline constexpr std::size_t kIdentVersion = 6;
inline constexpr std::size_t kIdentOsAbi = 7;

inline constexpr std::uint8_t kClass32 = 1;
inline constexpr std::uint8_t kClass64 = 2;
inline constexpr std::uint8_t kDataLittle = 1;
inline constexpr std::uint8_t kDataBig = 2;
inline constexpr std::uint8_t kVersionCurrent = 1;
inline constexpr std::uint8_t kOsAbiStandalone = 255;

inline constexpr std::uint16_t kTypeExecutable = 2;  // ET_EXEC
inline constexpr std::uint16_t kTypeDynamic = 3;     // ET_DYN

inline constexpr std::uint16_t kMachineX86_64 = 62;
inline constexpr std::uint16_t kMachineAarch64 = 183;
inline constexpr std::uint16_t kMachineRiscv = 243;

inline constexpr std::uint32_t kSegmentLoad = 1;               // PT_LOAD
inline constexpr std::uint32_t kSegmentDynamic = 2;            // PT_DYNAMIC
inline constexpr std::uint32_t kSegmentNote = 4;               // PT_NOTE
inline constexpr std::uint32_t kSegmentTls = 7;                // PT_TLS
inline constexpr std::uint32_t kSegmentGnuStack = 0x6474e551;  // PT_GNU_STACK

inline constexpr std::uint32_t kFlagExecute = 1;
inline constexpr std::uint32_t kFlagWrite = 2;
inline constexpr std::uint32_t kFlagRead = 4;

inline constexpr std::uint32_t kSectionSymbolTable = 2;      // SHT_SYMTAB
inline constexpr std::uint32_t kSectionNoBits = 8;           // SHT_NOBITS
inline constexpr std::uint32_t kSectionDynamicSymbols = 11;  // SHT_DYNSYM

inline constexpr std::uint64_t kSectionCompressed = 0x800;  // SHF_COMPRESSED, of sh_flags

inline constexpr std::uint16_t kSectionUndefined = 0;  // SHN_UNDEF

// In e_phnum and e_shstrndx, these values state that the number does not fit in the field: section header 0 has it,
// in sh_info or sh_link. For e_shnum, the value is 0, and sh_size has the number.
inline constexpr std::uint16_t kExtendedSegmentCount = 0xffff;  // PN_XNUM
inline constexpr std::uint16_t kExtendedSectionIndex = 0xffff;  // SHN_XINDEX

inline constexpr std::uint8_t kBindWeak = 2;  // STB_WEAK

inline constexpr std::uint64_t kTagNull = 0;
inline constexpr std::uint64_t kTagNeeded = 1;
inline constexpr std::uint64_t kTagPltRelSize = 2;
inline constexpr std::uint64_t kTagHash = 4;
inline constexpr std::uint64_t kTagStringTable = 5;
inline constexpr std::uint64_t kTagSymbolTable = 6;
inline constexpr std::uint64_t kTagRela = 7;
inline constexpr std::uint64_t kTagRelaSize = 8;
inline constexpr std::uint64_t kTagRelaEntry = 9;
inline constexpr std::uint64_t kTagStringTableSize = 10;
inline constexpr std::uint64_t kTagSymbolEntry = 11;
inline constexpr std::uint64_t kTagRelSize = 18;
inline constexpr std::uint64_t kTagRelrSize = 35;
inline constexpr std::uint64_t kTagRelr = 36;
inline constexpr std::uint64_t kTagRelrEntry = 37;
inline constexpr std::uint64_t kTagGnuHash = 0x6ffffef5;

struct FileHeader {
  static constexpr std::size_t kSize = 64;

  std::uint8_t elf_class = 0;
  std::uint8_t data = 0;
  std::uint8_t ident_version = 0;
  std::uint8_t os_abi = 0;
  std::uint16_t type = 0;
  std::uint16_t machine = 0;
  std::uint64_t entry = 0;
  std::uint64_t phoff = 0;
  std::uint64_t shoff = 0;
  std::uint32_t flags = 0;
  std::uint16_t phentsize = 0;
  std::uint16_t phnum = 0;
  std::uint16_t shentsize = 0;
  std::uint16_t shnum = 0;
  std::uint16_t shstrndx = 0;

  static auto decode(ByteView bytes) noexcept -> FileHeader {
    return {.elf_class = bytes.get<std::uint8_t>(kIdentClass),
            .data = bytes.get<std::uint8_t>(kIdentData),
            .ident_version = bytes.get<std::uint8_t>(kIdentVersion),
            .os_abi = bytes.get<std::uint8_t>(kIdentOsAbi),
            .type = bytes.get<std::uint16_t>(16),
            .machine = bytes.get<std::uint16_t>(18),
            .entry = bytes.get<std::uint64_t>(24),
            .phoff = bytes.get<std::uint64_t>(32),
            .shoff = bytes.get<std::uint64_t>(40),
            .flags = bytes.get<std::uint32_t>(48),
            .phentsize = bytes.get<std::uint16_t>(54),
            .phnum = bytes.get<std::uint16_t>(56),
            .shentsize = bytes.get<std::uint16_t>(58),
            .shnum = bytes.get<std::uint16_t>(60),
            .shstrndx = bytes.get<std::uint16_t>(62)};
  }
};

// A program header.
struct Segment {
  static constexpr std::size_t kSize = 56;

  std::uint32_t type = 0;
  std::uint32_t flags = 0;
  std::uint64_t offset = 0;
  std::uint64_t vaddr = 0;
  std::uint64_t paddr = 0;
  std::uint64_t filesz = 0;
  std::uint64_t memsz = 0;
  std::uint64_t align = 0;

  static auto decode(ByteView bytes) noexcept -> Segment {
    return {.type = bytes.get<std::uint32_t>(0),
            .flags = bytes.get<std::uint32_t>(4),
            .offset = bytes.get<std::uint64_t>(8),
            .vaddr = bytes.get<std::uint64_t>(16),
            .paddr = bytes.get<std::uint64_t>(24),
            .filesz = bytes.get<std::uint64_t>(32),
            .memsz = bytes.get<std::uint64_t>(40),
            .align = bytes.get<std::uint64_t>(48)};
  }
};

// A section header.
struct Section {
  static constexpr std::size_t kSize = 64;

  std::uint32_t name = 0;
  std::uint32_t type = 0;
  std::uint64_t flags = 0;
  std::uint64_t addr = 0;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint32_t link = 0;
  std::uint32_t info = 0;
  std::uint64_t addralign = 0;
  std::uint64_t entsize = 0;

  static auto decode(ByteView bytes) noexcept -> Section {
    return {.name = bytes.get<std::uint32_t>(0),
            .type = bytes.get<std::uint32_t>(4),
            .flags = bytes.get<std::uint64_t>(8),
            .addr = bytes.get<std::uint64_t>(16),
            .offset = bytes.get<std::uint64_t>(24),
            .size = bytes.get<std::uint64_t>(32),
            .link = bytes.get<std::uint32_t>(40),
            .info = bytes.get<std::uint32_t>(44),
            .addralign = bytes.get<std::uint64_t>(48),
            .entsize = bytes.get<std::uint64_t>(56)};
  }
};

struct DynamicEntry {
  static constexpr std::size_t kSize = 16;

  std::uint64_t tag = 0;
  std::uint64_t value = 0;

  static auto decode(ByteView bytes) noexcept -> DynamicEntry {
    return {.tag = bytes.get<std::uint64_t>(0), .value = bytes.get<std::uint64_t>(8)};
  }
};

// A relocation with an explicit addend.
struct Rela {
  static constexpr std::size_t kSize = 24;
  static constexpr std::size_t kOffsetAt = 0;
  static constexpr std::size_t kInfoAt = 8;
  static constexpr std::size_t kAddendAt = 16;

  std::uint64_t offset = 0;
  std::uint32_t type = 0;
  std::uint32_t symbol = 0;
  std::uint64_t addend = 0;  // two's complement: r_addend is signed

  static auto decode(ByteView bytes) noexcept -> Rela {
    const auto info = bytes.get<std::uint64_t>(kInfoAt);
    return {.offset = bytes.get<std::uint64_t>(kOffsetAt),
            .type = static_cast<std::uint32_t>(info),
            .symbol = static_cast<std::uint32_t>(info >> 32),
            .addend = bytes.get<std::uint64_t>(kAddendAt)};
  }
};

struct Symbol {
  static constexpr std::size_t kSize = 24;

  std::uint32_t name = 0;
  std::uint8_t info = 0;
  std::uint8_t other = 0;
  std::uint16_t section = 0;
  std::uint64_t value = 0;
  std::uint64_t size = 0;

  [[nodiscard]] constexpr auto binding() const noexcept -> std::uint8_t { return info >> 4; }
  [[nodiscard]] constexpr auto type() const noexcept -> std::uint8_t { return info & 0xf; }
  [[nodiscard]] constexpr auto is_undefined() const noexcept -> bool { return section == kSectionUndefined; }
  [[nodiscard]] constexpr auto is_weak_undefined() const noexcept -> bool {
    return is_undefined() && binding() == kBindWeak;
  }

  static auto decode(ByteView bytes) noexcept -> Symbol {
    return {.name = bytes.get<std::uint32_t>(0),
            .info = bytes.get<std::uint8_t>(4),
            .other = bytes.get<std::uint8_t>(5),
            .section = bytes.get<std::uint16_t>(6),
            .value = bytes.get<std::uint64_t>(8),
            .size = bytes.get<std::uint64_t>(16)};
  }
};

// One word of a DT_RELR table: a bitmap if its lowest bit is set, otherwise an address.
struct RelrWord {
  static constexpr std::size_t kSize = 8;

  std::uint64_t value = 0;

  static auto decode(ByteView bytes) noexcept -> RelrWord { return {.value = bytes.get<std::uint64_t>(0)}; }
};

}  // namespace hermitage::entry::elf
