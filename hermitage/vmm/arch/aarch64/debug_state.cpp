#include "hermitage/vmm/arch/aarch64/debug_state.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

namespace hermitage::vmm::aarch64 {
namespace {

constexpr unsigned kGeneral = 31;  // x0 to x30
constexpr unsigned kStackPointer = kGeneral;
constexpr unsigned kProgramCounter = kStackPointer + 1;
constexpr unsigned kProcessorState = kProgramCounter + 1;
constexpr unsigned kFirstVector = kProcessorState + 1;
constexpr unsigned kVectors = 32;
constexpr unsigned kFloatStatus = kFirstVector + kVectors;
constexpr unsigned kFloatControl = kFloatStatus + 1;
constexpr unsigned kFirstSystem = kFloatControl + 1;

// Registers that GDB does not know, but displays. They are read-only.
struct SystemRegister {
  std::string_view name;
  std::uint64_t Registers::* member;
};
constexpr std::array kSystem{
    SystemRegister{"elr", &Registers::elr},     SystemRegister{"esr", &Registers::esr},
    SystemRegister{"far", &Registers::far},     SystemRegister{"spsr", &Registers::spsr},
    SystemRegister{"sctlr", &Registers::sctlr}, SystemRegister{"ttbr0", &Registers::ttbr0},
    SystemRegister{"ttbr1", &Registers::ttbr1}, SystemRegister{"tcr", &Registers::tcr},
    SystemRegister{"mair", &Registers::mair},   SystemRegister{"vbar", &Registers::vbar},
};

// One string, so that each name is a view into it.
constexpr std::string_view kGeneralNames =
    "x0 x1 x2 x3 x4 x5 x6 x7 x8 x9 x10x11x12x13x14x15x16x17x18x19x20x21x22x23x24x25x26x27x28x29x30";
constexpr std::string_view kVectorNames =
    "v0 v1 v2 v3 v4 v5 v6 v7 v8 v9 v10v11v12v13v14v15v16v17v18v19v20v21v22v23v24v25v26v27v28v29v30v31";

constexpr auto numbered_name(std::string_view names, unsigned index) -> std::string_view {
  constexpr std::size_t kWidth = 3;
  const auto name = names.substr(kWidth * index, kWidth);
  return name.substr(0, name.find(' '));
}

// The bytes of a register in the state. `state` can be const if nothing is written. Empty: no such register.
auto storage(DebugState& state, unsigned number) noexcept -> std::span<std::byte> {
  auto& general = state.general;
  if (number < kGeneral) return std::as_writable_bytes(std::span{&general.x[number], 1});
  if (number == kStackPointer) return std::as_writable_bytes(std::span{&general.sp, 1});
  if (number == kProgramCounter) return std::as_writable_bytes(std::span{&general.pc, 1});
  if (number == kProcessorState) return std::as_writable_bytes(std::span{&general.pstate, 1}).first(4);
  if (number < kFloatStatus) return state.vectors[number - kFirstVector];
  if (number == kFloatStatus) return std::as_writable_bytes(std::span{&state.fpsr, 1});
  if (number == kFloatControl) return std::as_writable_bytes(std::span{&state.fpcr, 1});
  if (number - kFirstSystem >= kSystem.size()) return {};
  return std::as_writable_bytes(std::span{&(general.*kSystem[number - kFirstSystem].member), 1});
}

// The types of registers, except for the types that GDB defines.
constexpr const char* kCoreTypes =
    R"(<flags id="cpsr_flags" size="4"><field name="SP" start="0" end="0"/><field name="EL" start="2" end="3"/>)"
    R"(<field name="F" start="6" end="6"/><field name="I" start="7" end="7"/><field name="A" start="8" end="8"/>)"
    R"(<field name="D" start="9" end="9"/><field name="SS" start="21" end="21"/><field name="V" start="28" end="28"/>)"
    R"(<field name="C" start="29" end="29"/><field name="Z" start="30" end="30"/><field name="N" start="31" end="31"/>)"
    R"(</flags>)";
constexpr const char* kVectorTypes =
    R"(<vector id="v2d" type="ieee_double" count="2"/><vector id="v2u" type="uint64" count="2"/>)"
    R"(<vector id="v4f" type="ieee_single" count="4"/><vector id="v4u" type="uint32" count="4"/>)"
    R"(<vector id="v8u" type="uint16" count="8"/><vector id="v16u" type="uint8" count="16"/>)"
    R"(<union id="vnd"><field name="f" type="v2d"/><field name="u" type="v2u"/></union>)"
    R"(<union id="vns"><field name="f" type="v4f"/><field name="u" type="v4u"/></union>)"
    R"(<union id="vnh"><field name="u" type="v8u"/></union><union id="vnb"><field name="u" type="v16u"/></union>)"
    R"(<union id="aarch64v"><field name="d" type="vnd"/><field name="s" type="vns"/><field name="h" type="vnh"/>)"
    R"(<field name="b" type="vnb"/></union>)";

// The type of a register in the description.
auto type_of(unsigned number) noexcept -> std::string_view {
  if (number == kStackPointer) return "data_ptr";
  if (number == kProgramCounter) return "code_ptr";
  if (number == kProcessorState) return "cpsr_flags";
  if (number >= kFirstVector && number < kFloatStatus) return "aarch64v";
  return register_size(number) == 4 ? "int" : "int64";
}

}  // namespace

auto register_count() noexcept -> unsigned {
  return kFirstSystem + static_cast<unsigned>(kSystem.size());
}

auto register_size(unsigned number) noexcept -> std::size_t {
  if (number >= register_count()) return 0;
  if (number >= kFirstVector && number < kFloatStatus) return kMaxRegisterSize;
  const bool is_short = number == kProcessorState || number == kFloatStatus || number == kFloatControl;
  return is_short ? sizeof(std::uint32_t) : sizeof(std::uint64_t);
}

auto register_name(unsigned number) noexcept -> std::string_view {
  if (number < kGeneral) return numbered_name(kGeneralNames, number);
  if (number >= register_count()) return "";
  if (number == kStackPointer) return "sp";
  if (number == kProgramCounter) return "pc";
  if (number == kProcessorState) return "cpsr";
  if (number < kFloatStatus) return numbered_name(kVectorNames, number - kFirstVector);
  if (number == kFloatStatus) return "fpsr";
  if (number == kFloatControl) return "fpcr";
  return kSystem[number - kFirstSystem].name;
}

auto read_register(const DebugState& state, unsigned number, std::span<std::byte> bytes) noexcept -> bool {
  const std::span<const std::byte> source = storage(const_cast<DebugState&>(state), number);  // only read
  if (source.empty() || bytes.size() != source.size()) return false;
  std::ranges::copy(source, bytes.begin());
  return true;
}

auto write_register(DebugState& state, unsigned number, std::span<const std::byte> bytes) noexcept -> bool {
  const auto target = storage(state, number);
  if (number >= kFirstSystem || target.empty() || bytes.size() != target.size()) return false;
  std::ranges::copy(bytes, target.begin());
  return true;
}

auto core_registers(const DebugState& state) noexcept -> CoreRegisters {
  CoreRegisters registers{};
  std::ranges::copy(state.general.x, registers.begin());
  registers[kStackPointer] = state.general.sp;
  registers[kProgramCounter] = state.general.pc;
  registers[kProcessorState] = state.general.pstate;
  return registers;
}

auto core_floats(const DebugState& state) noexcept -> CoreFloats {
  CoreFloats floats{};
  std::memcpy(floats.data(), state.vectors.data(), sizeof state.vectors);
  std::memcpy(floats.data() + sizeof state.vectors, &state.fpsr, sizeof state.fpsr);
  std::memcpy(floats.data() + sizeof state.vectors + sizeof state.fpsr, &state.fpcr, sizeof state.fpcr);
  return floats;
}

auto target_description() -> std::string {
  std::string xml = R"(<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target version="1.0">)"
                    "<architecture>aarch64</architecture>";
  const auto add_feature = [&xml](std::string_view name, std::string_view types, unsigned first, unsigned end) {
    xml += fmt::format(R"(<feature name="{}">{})", name, types);
    for (auto number = first; number < end; ++number) {
      xml += fmt::format(R"(<reg name="{}" bitsize="{}" type="{}" regnum="{}"/>)", register_name(number),
                         8 * register_size(number), type_of(number), number);
    }
    xml += "</feature>";
  };
  add_feature("org.gnu.gdb.aarch64.core", kCoreTypes, 0, kFirstVector);
  add_feature("org.gnu.gdb.aarch64.fpu", kVectorTypes, kFirstVector, kFirstSystem);
  add_feature("hermitage.aarch64.system", "", kFirstSystem, register_count());
  return xml + "</target>";
}

}  // namespace hermitage::vmm::aarch64
