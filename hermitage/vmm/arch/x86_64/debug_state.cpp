#include "hermitage/vmm/arch/x86_64/debug_state.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string>

#include <fmt/format.h>

namespace hermitage::vmm::x86_64 {
namespace {

// The place of a register.
enum class Place : std::uint8_t {
  general,   // offset in Registers
  selector,  // offset in Selectors, 16 bits of 32
  base,      // 0: fs_base, 1: gs_base
  extended,  // offset in the XSAVE area
  halfword,  // the same, 16 bits of 32
  tags,      // the x87 tag word
};

struct RegisterInfo {
  const char* name;
  const char* type;
  std::uint16_t offset;
  std::uint8_t size;  // bytes
  Place place;
  bool is_writable = true;
};

// The FXSAVE area, which is the start of the XSAVE area (Intel SDM 1, 10.5.1), and the upper halves of AVX registers.
constexpr std::uint16_t kControlWord = 0;
constexpr std::uint16_t kStatusWord = 2;
constexpr std::uint16_t kTags = 4;  // a bit for each register that is not empty
constexpr std::uint16_t kOpcode = 6;
constexpr std::uint16_t kInstruction = 8;
constexpr std::uint16_t kOperand = 16;
constexpr std::uint16_t kMxcsr = 24;
constexpr std::uint16_t kFirstStack = 32;
constexpr std::uint16_t kFirstXmm = 160;
constexpr std::uint16_t kFirstYmmHigh = 576;
constexpr std::uint16_t kSlot = 16;
// XSTATE_BV: a bit for each part that is not in its reset state. A CPU without AVX rejects the bit of AVX.
constexpr std::size_t kXstateHeader = 512;
constexpr std::uint64_t kX87AndSse = 3;
constexpr std::uint64_t kAvxPart = 4;

constexpr std::size_t kX87Registers = 8;

constexpr auto general(const char* name, std::size_t offset, const char* type = "int64") -> RegisterInfo {
  return {.name = name, .type = type, .offset = static_cast<std::uint16_t>(offset), .size = 8, .place = Place::general};
}
constexpr auto control(const char* name, std::size_t offset) -> RegisterInfo {
  return {.name = name,
          .type = "int64",
          .offset = static_cast<std::uint16_t>(offset),
          .size = 8,
          .place = Place::general,
          .is_writable = false};
}
constexpr auto selector(const char* name, std::size_t offset) -> RegisterInfo {
  return {
      .name = name, .type = "int32", .offset = static_cast<std::uint16_t>(offset), .size = 4, .place = Place::selector};
}
constexpr auto extended(const char* name, const char* type, std::uint8_t size, unsigned offset) -> RegisterInfo {
  return {
      .name = name, .type = type, .offset = static_cast<std::uint16_t>(offset), .size = size, .place = Place::extended};
}
constexpr auto stack(const char* name, unsigned number) -> RegisterInfo {
  return extended(name, "i387_ext", 10, kFirstStack + number * kSlot);
}
constexpr auto xmm(const char* name, unsigned number) -> RegisterInfo {
  return extended(name, "vec128", 16, kFirstXmm + number * kSlot);
}
constexpr auto ymm_high(const char* name, unsigned number) -> RegisterInfo {
  return extended(name, "uint128", 16, kFirstYmmHigh + number * kSlot);
}

// The features of the description with their registers, in the order of the register numbers.
constexpr RegisterInfo kCore[] = {
    general("rax", offsetof(Registers, rax)),
    general("rbx", offsetof(Registers, rbx)),
    general("rcx", offsetof(Registers, rcx)),
    general("rdx", offsetof(Registers, rdx)),
    general("rsi", offsetof(Registers, rsi)),
    general("rdi", offsetof(Registers, rdi)),
    general("rbp", offsetof(Registers, rbp), "data_ptr"),
    general("rsp", offsetof(Registers, rsp), "data_ptr"),
    general("r8", offsetof(Registers, r8)),
    general("r9", offsetof(Registers, r9)),
    general("r10", offsetof(Registers, r10)),
    general("r11", offsetof(Registers, r11)),
    general("r12", offsetof(Registers, r12)),
    general("r13", offsetof(Registers, r13)),
    general("r14", offsetof(Registers, r14)),
    general("r15", offsetof(Registers, r15)),
    general("rip", offsetof(Registers, rip), "code_ptr"),
    {.name = "eflags",
     .type = "i386_eflags",
     .offset = offsetof(Registers, rflags),
     .size = 4,
     .place = Place::general},
    selector("cs", offsetof(Selectors, cs)),
    selector("ss", offsetof(Selectors, ss)),
    selector("ds", offsetof(Selectors, ds)),
    selector("es", offsetof(Selectors, es)),
    selector("fs", offsetof(Selectors, fs)),
    selector("gs", offsetof(Selectors, gs)),
    stack("st0", 0),
    stack("st1", 1),
    stack("st2", 2),
    stack("st3", 3),
    stack("st4", 4),
    stack("st5", 5),
    stack("st6", 6),
    stack("st7", 7),
    {.name = "fctrl", .type = "int", .offset = kControlWord, .size = 4, .place = Place::halfword},
    {.name = "fstat", .type = "int", .offset = kStatusWord, .size = 4, .place = Place::halfword},
    {.name = "ftag", .type = "int", .offset = kTags, .size = 4, .place = Place::tags},
    {.name = "fiseg", .type = "int", .offset = kInstruction + 4, .size = 4, .place = Place::extended},
    {.name = "fioff", .type = "int", .offset = kInstruction, .size = 4, .place = Place::extended},
    {.name = "foseg", .type = "int", .offset = kOperand + 4, .size = 4, .place = Place::extended},
    {.name = "fooff", .type = "int", .offset = kOperand, .size = 4, .place = Place::extended},
    {.name = "fop", .type = "int", .offset = kOpcode, .size = 4, .place = Place::halfword},
};
constexpr RegisterInfo kSse[] = {
    xmm("xmm0", 0),
    xmm("xmm1", 1),
    xmm("xmm2", 2),
    xmm("xmm3", 3),
    xmm("xmm4", 4),
    xmm("xmm5", 5),
    xmm("xmm6", 6),
    xmm("xmm7", 7),
    xmm("xmm8", 8),
    xmm("xmm9", 9),
    xmm("xmm10", 10),
    xmm("xmm11", 11),
    xmm("xmm12", 12),
    xmm("xmm13", 13),
    xmm("xmm14", 14),
    xmm("xmm15", 15),
    {.name = "mxcsr", .type = "i386_mxcsr", .offset = kMxcsr, .size = 4, .place = Place::extended},
};
constexpr RegisterInfo kSegments[] = {
    {.name = "fs_base", .type = "int64", .offset = 0, .size = 8, .place = Place::base},
    {.name = "gs_base", .type = "int64", .offset = 1, .size = 8, .place = Place::base},
};
constexpr RegisterInfo kAvx[] = {
    ymm_high("ymm0h", 0),   ymm_high("ymm1h", 1),   ymm_high("ymm2h", 2),   ymm_high("ymm3h", 3),
    ymm_high("ymm4h", 4),   ymm_high("ymm5h", 5),   ymm_high("ymm6h", 6),   ymm_high("ymm7h", 7),
    ymm_high("ymm8h", 8),   ymm_high("ymm9h", 9),   ymm_high("ymm10h", 10), ymm_high("ymm11h", 11),
    ymm_high("ymm12h", 12), ymm_high("ymm13h", 13), ymm_high("ymm14h", 14), ymm_high("ymm15h", 15),
};
// Registers that GDB does not know, but displays.
constexpr RegisterInfo kControl[] = {
    control("cr0", offsetof(Registers, cr0)),   control("cr2", offsetof(Registers, cr2)),
    control("cr3", offsetof(Registers, cr3)),   control("cr4", offsetof(Registers, cr4)),
    control("efer", offsetof(Registers, efer)),
};

// The types of registers in a feature, except for the types that GDB defines.
constexpr const char* kCoreTypes =
    R"(<flags id="i386_eflags" size="4"><field name="CF" start="0" end="0"/><field name="PF" start="2" end="2"/>)"
    R"(<field name="AF" start="4" end="4"/><field name="ZF" start="6" end="6"/><field name="SF" start="7" end="7"/>)"
    R"(<field name="TF" start="8" end="8"/><field name="IF" start="9" end="9"/><field name="DF" start="10" end="10"/>)"
    R"(<field name="OF" start="11" end="11"/></flags>)";
constexpr const char* kSseTypes =
    R"(<vector id="v4f" type="ieee_single" count="4"/><vector id="v2d" type="ieee_double" count="2"/>)"
    R"(<vector id="v16i8" type="int8" count="16"/><vector id="v8i16" type="int16" count="8"/>)"
    R"(<vector id="v4i32" type="int32" count="4"/><vector id="v2i64" type="int64" count="2"/>)"
    R"(<union id="vec128"><field name="v4_float" type="v4f"/><field name="v2_double" type="v2d"/>)"
    R"(<field name="v16_int8" type="v16i8"/><field name="v8_int16" type="v8i16"/><field name="v4_int32" type="v4i32"/>)"
    R"(<field name="v2_int64" type="v2i64"/><field name="uint128" type="uint128"/></union>)"
    R"(<flags id="i386_mxcsr" size="4"><field name="IE" start="0" end="0"/></flags>)";

struct Feature {
  const char* name;
  const char* types;
  std::span<const RegisterInfo> registers;
};
constexpr std::array kFeatures{
    Feature{"org.gnu.gdb.i386.core", kCoreTypes, kCore}, Feature{"org.gnu.gdb.i386.sse", kSseTypes, kSse},
    Feature{"org.gnu.gdb.i386.segments", "", kSegments}, Feature{"org.gnu.gdb.i386.avx", "", kAvx},
    Feature{"hermitage.x86_64.control", "", kControl},
};

auto info_of(unsigned number) noexcept -> const RegisterInfo* {
  for (const auto& feature : kFeatures) {
    if (number < feature.registers.size()) return &feature.registers[number];
    number -= static_cast<unsigned>(feature.registers.size());
  }
  return nullptr;
}

auto bytes_of(Registers& registers) noexcept -> std::span<std::byte> {
  return std::as_writable_bytes(std::span{&registers, 1});
}

// The x87 tag word of 16 bits: 3 for an empty register, and 0 for any other. The registers are numbered as in the CPU,
// not from the top of the stack.
auto full_tags(std::uint8_t used) noexcept -> std::uint16_t {
  unsigned tags = 0;
  for (std::size_t i = 0; i < kX87Registers; ++i) {
    if ((used >> i & 1) == 0) tags |= 3U << (2 * i);
  }
  return static_cast<std::uint16_t>(tags);
}

auto used_registers(std::uint16_t tags) noexcept -> std::uint8_t {
  unsigned used = 0;
  for (std::size_t i = 0; i < kX87Registers; ++i) {
    if ((tags >> (2 * i) & 3) != 3) used |= 1U << i;
  }
  return static_cast<std::uint8_t>(used);
}

// The bytes of a register in the state. `state` can be const if nothing is written.
auto storage(DebugState& state, const RegisterInfo& info) noexcept -> std::span<std::byte> {
  switch (info.place) {
    case Place::general: return bytes_of(state.general).subspan(info.offset, info.size);
    case Place::selector:
      return std::as_writable_bytes(std::span{&state.selectors, 1}).subspan(info.offset, sizeof(std::uint16_t));
    case Place::base: return std::as_writable_bytes(std::span{info.offset == 0 ? &state.fs_base : &state.gs_base, 1});
    case Place::extended: return std::span{state.extended}.subspan(info.offset, info.size);
    case Place::halfword: return std::span{state.extended}.subspan(info.offset, sizeof(std::uint16_t));
    case Place::tags: return std::span{state.extended}.subspan(info.offset, 1);
  }
  return {};
}

// Marks the part of the area that contains the register as used.
void mark_extended_used(DebugState& state, const RegisterInfo& info) noexcept {
  std::uint64_t parts = 0;
  std::memcpy(&parts, state.extended.data() + kXstateHeader, sizeof parts);
  parts |= info.offset >= kFirstYmmHigh ? kAvxPart : kX87AndSse;
  std::memcpy(state.extended.data() + kXstateHeader, &parts, sizeof parts);
}

}  // namespace

auto register_count() noexcept -> unsigned {
  unsigned count = 0;
  for (const auto& feature : kFeatures) count += static_cast<unsigned>(feature.registers.size());
  return count;
}

auto register_size(unsigned number) noexcept -> std::size_t {
  const auto* const info = info_of(number);
  return info == nullptr ? 0 : info->size;
}

auto register_name(unsigned number) noexcept -> std::string_view {
  const auto* const info = info_of(number);
  return info == nullptr ? "" : info->name;
}

auto read_register(const DebugState& state, unsigned number, std::span<std::byte> bytes) noexcept -> bool {
  const auto* const info = info_of(number);
  if (info == nullptr || bytes.size() != info->size) return false;
  const std::span<const std::byte> source = storage(const_cast<DebugState&>(state), *info);  // only read
  std::ranges::fill(bytes, std::byte{});
  if (info->place == Place::tags) {
    const auto tags = full_tags(std::to_integer<std::uint8_t>(source.front()));
    std::memcpy(bytes.data(), &tags, sizeof tags);
  } else {
    std::ranges::copy(source, bytes.begin());
  }
  return true;
}

auto write_register(DebugState& state, unsigned number, std::span<const std::byte> bytes) noexcept -> bool {
  const auto* const info = info_of(number);
  if (info == nullptr || bytes.size() != info->size || !info->is_writable) return false;
  const auto target = storage(state, *info);
  if (info->place != Place::tags && std::ranges::equal(bytes.first(target.size()), target)) return true;
  if (info->place == Place::tags) {
    std::uint16_t tags = 0;
    std::memcpy(&tags, bytes.data(), sizeof tags);
    target.front() = std::byte{used_registers(tags)};
  } else {
    std::ranges::copy(bytes.first(target.size()), target.begin());
  }
  if (info->place != Place::general && info->place != Place::selector && info->place != Place::base) {
    mark_extended_used(state, *info);
  }
  return true;
}

auto core_registers(const DebugState& state) noexcept -> CoreRegisters {
  constexpr std::uint64_t kNoSystemCall = UINT64_MAX;
  const auto& from = state.general;
  const auto& selectors = state.selectors;
  return {from.r15,      from.r14,      from.r13,     from.r12,     from.rbp,     from.rbx,    from.r11,
          from.r10,      from.r9,       from.r8,      from.rax,     from.rcx,     from.rdx,    from.rsi,
          from.rdi,      kNoSystemCall, from.rip,     selectors.cs, from.rflags,  from.rsp,    selectors.ss,
          state.fs_base, state.gs_base, selectors.ds, selectors.es, selectors.fs, selectors.gs};
}

auto core_floats(const DebugState& state) noexcept -> CoreFloats {
  constexpr std::size_t kUsed = 416;  // the rest is reserved
  CoreFloats floats{};
  std::ranges::copy(std::span{state.extended}.first(kUsed), floats.begin());
  return floats;
}

auto target_description() -> std::string {
  std::string xml = R"(<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target version="1.0">)"
                    "<architecture>i386:x86-64</architecture>";
  unsigned number = 0;
  for (const auto& feature : kFeatures) {
    xml += fmt::format(R"(<feature name="{}">{})", feature.name, feature.types);
    for (const auto& info : feature.registers) {
      xml += fmt::format(R"(<reg name="{}" bitsize="{}" type="{}" regnum="{}"/>)", info.name, 8 * info.size, info.type,
                         number++);
    }
    xml += "</feature>";
  }
  return xml + "</target>";
}

}  // namespace hermitage::vmm::x86_64
