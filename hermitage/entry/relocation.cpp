#include "hermitage/entry/relocation.hpp"

#include <array>
#include <span>

namespace hermitage::entry {
namespace {

// The types that the loader supports. riscv64 has no GLOB_DAT: its linkers use R_RISCV_64.
struct KnownTypes {
  std::uint32_t relative;
  std::uint32_t absolute64;
  std::uint32_t glob_dat;
};

constexpr std::uint32_t kNoSuchType = UINT32_MAX;
constexpr KnownTypes kX86_64{.relative = 8, .absolute64 = 1, .glob_dat = 6};
constexpr KnownTypes kAarch64{.relative = 1027, .absolute64 = 257, .glob_dat = 1025};
constexpr KnownTypes kRiscv64{.relative = 3, .absolute64 = 2, .glob_dat = kNoSuchType};

auto known_types(Arch arch) noexcept -> const KnownTypes& {
  switch (arch) {
    case Arch::x86_64: return kX86_64;
    case Arch::aarch64: return kAarch64;
    case Arch::riscv64: return kRiscv64;
  }
  return kX86_64;
}

struct TypeName {
  std::uint32_t type;
  std::string_view name;
};

// x86-64 psABI 1.0, table 4.9.
constexpr auto kX86_64Names = std::to_array<TypeName>({
    {0, "R_X86_64_NONE"},          {1, "R_X86_64_64"},         {2, "R_X86_64_PC32"},
    {3, "R_X86_64_GOT32"},         {4, "R_X86_64_PLT32"},      {5, "R_X86_64_COPY"},
    {6, "R_X86_64_GLOB_DAT"},      {7, "R_X86_64_JUMP_SLOT"},  {8, "R_X86_64_RELATIVE"},
    {9, "R_X86_64_GOTPCREL"},      {10, "R_X86_64_32"},        {11, "R_X86_64_32S"},
    {12, "R_X86_64_16"},           {13, "R_X86_64_PC16"},      {14, "R_X86_64_8"},
    {15, "R_X86_64_PC8"},          {16, "R_X86_64_DTPMOD64"},  {17, "R_X86_64_DTPOFF64"},
    {18, "R_X86_64_TPOFF64"},      {19, "R_X86_64_TLSGD"},     {20, "R_X86_64_TLSLD"},
    {21, "R_X86_64_DTPOFF32"},     {22, "R_X86_64_GOTTPOFF"},  {23, "R_X86_64_TPOFF32"},
    {24, "R_X86_64_PC64"},         {25, "R_X86_64_GOTOFF64"},  {26, "R_X86_64_GOTPC32"},
    {32, "R_X86_64_SIZE32"},       {33, "R_X86_64_SIZE64"},    {34, "R_X86_64_GOTPC32_TLSDESC"},
    {35, "R_X86_64_TLSDESC_CALL"}, {36, "R_X86_64_TLSDESC"},   {37, "R_X86_64_IRELATIVE"},
    {38, "R_X86_64_RELATIVE64"},   {41, "R_X86_64_GOTPCRELX"}, {42, "R_X86_64_REX_GOTPCRELX"},
});

// AArch64 ELF 2023Q3: the data relocations and the dynamic relocations.
constexpr auto kAarch64Names = std::to_array<TypeName>({
    {0, "R_AARCH64_NONE"},
    {257, "R_AARCH64_ABS64"},
    {258, "R_AARCH64_ABS32"},
    {259, "R_AARCH64_ABS16"},
    {260, "R_AARCH64_PREL64"},
    {261, "R_AARCH64_PREL32"},
    {262, "R_AARCH64_PREL16"},
    {1024, "R_AARCH64_COPY"},
    {1025, "R_AARCH64_GLOB_DAT"},
    {1026, "R_AARCH64_JUMP_SLOT"},
    {1027, "R_AARCH64_RELATIVE"},
    {1028, "R_AARCH64_TLS_DTPMOD"},
    {1029, "R_AARCH64_TLS_DTPREL"},
    {1030, "R_AARCH64_TLS_TPREL"},
    {1031, "R_AARCH64_TLSDESC"},
    {1032, "R_AARCH64_IRELATIVE"},
});

// RISC-V psABI 1.0, table 3: the dynamic relocations and the data relocations.
constexpr auto kRiscv64Names = std::to_array<TypeName>({
    {0, "R_RISCV_NONE"},
    {1, "R_RISCV_32"},
    {2, "R_RISCV_64"},
    {3, "R_RISCV_RELATIVE"},
    {4, "R_RISCV_COPY"},
    {5, "R_RISCV_JUMP_SLOT"},
    {6, "R_RISCV_TLS_DTPMOD32"},
    {7, "R_RISCV_TLS_DTPMOD64"},
    {8, "R_RISCV_TLS_DTPREL32"},
    {9, "R_RISCV_TLS_DTPREL64"},
    {10, "R_RISCV_TLS_TPREL32"},
    {11, "R_RISCV_TLS_TPREL64"},
    {12, "R_RISCV_TLSDESC"},
    {58, "R_RISCV_IRELATIVE"},
});

auto type_names(Arch arch) noexcept -> std::span<const TypeName> {
  switch (arch) {
    case Arch::x86_64: return kX86_64Names;
    case Arch::aarch64: return kAarch64Names;
    case Arch::riscv64: return kRiscv64Names;
  }
  return {};
}

}  // namespace

auto relocation_kind(Arch arch, std::uint32_t type) noexcept -> RelocationKind {
  const auto& known = known_types(arch);
  if (type == known.relative) return RelocationKind::relative;
  if (type == known.absolute64) return RelocationKind::absolute64;
  if (type == known.glob_dat && type != kNoSuchType) return RelocationKind::glob_dat;
  return RelocationKind::unsupported;
}

auto relative_relocation_type(Arch arch) noexcept -> std::uint32_t {
  return known_types(arch).relative;
}

auto relocation_type_name(Arch arch, std::uint32_t type) noexcept -> std::string_view {
  for (const auto& entry : type_names(arch)) {
    if (entry.type == type) return entry.name;
  }
  return {};
}

auto RelocationResolver::resolve(const elf::Rela& rela, std::size_t index) const noexcept
    -> std::expected<std::uint64_t, LoadError> {
  const auto fail = [index](ProblemCode code, std::uint64_t expected, std::uint64_t found) {
    return std::unexpected{Problem{.code = code, .index = index, .expected = expected, .found = found}};
  };
  const auto kind = relocation_kind(arch, rela.type);
  if (kind == RelocationKind::unsupported) return fail(ProblemCode::unsupported_relocation, 0, rela.type);
  if (!relocation_fits(rela.offset, mem_size)) {
    return fail(ProblemCode::relocation_outside_memory, mem_size, rela.offset);
  }
  if (kind == RelocationKind::relative) return start + rela.addend;

  if (rela.symbol >= symbols.size()) return fail(ProblemCode::relocation_symbol, symbols.size(), rela.symbol);
  const auto symbol = symbols[rela.symbol];
  if (symbol.is_weak_undefined()) return 0;
  // The x86-64 psABI defines GLOB_DAT without an addend; the other architectures add one.
  if (kind == RelocationKind::glob_dat && arch == Arch::x86_64 && rela.addend != 0) {
    return fail(ProblemCode::relocation_addend, 0, rela.addend);
  }
  return start + symbol.value + rela.addend;
}

}  // namespace hermitage::entry
