#include "hermitage/inspect/call_frames.hpp"

#include <algorithm>
#include <concepts>

#include "hermitage/inspect/dwarf_cursor.hpp"

namespace hermitage::inspect {
namespace {

using entry::ByteView;

// DW_CFA_…
enum Instruction : std::uint8_t {
  kNop = 0x00,
  kAdvance1 = 0x02,
  kAdvance2 = 0x03,
  kAdvance4 = 0x04,
  kOffsetExtended = 0x05,
  kRestoreExtended = 0x06,
  kUndefined = 0x07,
  kSameValue = 0x08,
  kRegister = 0x09,
  kRememberState = 0x0a,
  kRestoreState = 0x0b,
  kDefineCfa = 0x0c,
  kDefineCfaRegister = 0x0d,
  kDefineCfaOffset = 0x0e,
  kDefineCfaExpression = 0x0f,
  kExpression = 0x10,
  kOffsetExtendedSigned = 0x11,
  kDefineCfaSigned = 0x12,
  kDefineCfaOffsetSigned = 0x13,
  kValueOffset = 0x14,
  kValueOffsetSigned = 0x15,
  kValueExpression = 0x16,
  kNegateSignature = 0x2d,  // DW_CFA_AARCH64_negate_ra_state
  kArgumentsSize = 0x2e,    // DW_CFA_GNU_args_size
  // In the two highest bits, with an operand in the others.
  kAdvance = 0x40,
  kOffset = 0x80,
  kRestore = 0xc0,
};
constexpr std::uint8_t kHighBits = 0xc0;

// DW_EH_PE_…
enum Encoding : std::uint8_t {
  kAbsolute = 0x00,
  kUnsigned = 0x01,
  kUnsigned2 = 0x02,
  kUnsigned4 = 0x03,
  kUnsigned8 = 0x04,
  kSigned = 0x09,
  kSigned2 = 0x0a,
  kSigned4 = 0x0b,
  kSigned8 = 0x0c,
  kRelative = 0x10,
};
constexpr std::uint8_t kFormatBits = 0x0f;
constexpr std::uint8_t kBaseBits = 0xf0;

template <std::unsigned_integral Unsigned, std::signed_integral Signed>
auto extended(DwarfCursor& cursor) -> std::uint64_t {
  return static_cast<std::uint64_t>(std::int64_t{static_cast<Signed>(cursor.number<Unsigned>())});
}

// A value in the format of an encoding, without its base.
auto read_encoded(DwarfCursor& cursor, std::uint8_t encoding) -> std::optional<std::uint64_t> {
  switch (encoding & kFormatBits) {
    case kAbsolute:
    case kUnsigned8:
    case kSigned8: return cursor.number<std::uint64_t>();
    case kUnsigned: return cursor.leb128();
    case kUnsigned2: return cursor.number<std::uint16_t>();
    case kUnsigned4: return cursor.number<std::uint32_t>();
    case kSigned: return static_cast<std::uint64_t>(cursor.signed_leb128());
    case kSigned2: return extended<std::uint16_t, std::int16_t>(cursor);
    case kSigned4: return extended<std::uint32_t, std::int32_t>(cursor);
    default: return std::nullopt;
  }
}

// `field` is the address of the value itself.
auto read_address(DwarfCursor& cursor, std::uint8_t encoding, std::uint64_t field) -> std::optional<std::uint64_t> {
  const auto value = read_encoded(cursor, encoding);
  if (!value || !cursor.is_good()) return std::nullopt;
  if ((encoding & kBaseBits) == 0) return value;
  if ((encoding & kBaseBits) == kRelative) return field + *value;
  return std::nullopt;
}

// How to compute the value that a register had in the caller.
struct Rule {
  enum class Kind : std::uint8_t {
    same,
    undefined,
    saved,         // in memory, at CFA + offset
    value,         // CFA + offset
    in_register,   // `offset` is its number
    not_computed,  // by an expression
  };

  Kind kind = Kind::same;
  std::int64_t offset = 0;
};

// A row of the table that the instructions of a function describe. The CFA is the stack pointer before the call.
struct Rules {
  bool has_cfa = false;
  std::uint64_t cfa_register = 0;
  std::int64_t cfa_offset = 0;
  std::array<Rule, FrameRegisters::kMaxCount> registers = {};
};

// Executes instructions up to an address.
class Interpreter {
 public:
  Interpreter(std::uint64_t code_step, std::int64_t data_step, std::uint64_t begin, std::uint64_t wanted)
      : code_step_{code_step}, data_step_{data_step}, address_{begin}, wanted_{wanted} {}

  // Returns false if there is an unknown or malformed instruction.
  auto run(ByteView instructions) -> bool {
    DwarfCursor cursor{instructions};
    while (!cursor.is_at_end() && address_ <= wanted_) {
      if (!step(cursor) || !cursor.is_good()) return false;
    }
    return true;
  }

  // The rules after the instructions so far become those to which kRestore returns.
  void begin_function() { initial_ = rules_; }
  [[nodiscard]] auto rules() const -> const Rules& { return rules_; }

 private:
  static constexpr std::size_t kMaxStates = 64;

  auto step(DwarfCursor& cursor) -> bool {
    const auto opcode = cursor.number<std::uint8_t>();
    const auto operand = static_cast<std::uint8_t>(opcode & ~kHighBits);
    switch (opcode & kHighBits) {
      case kAdvance: return advance(operand);
      case kOffset: return set(operand, Rule::Kind::saved, unsigned_offset(cursor));
      case kRestore: return restore(operand);
      default: return extended_step(opcode, cursor);
    }
  }

  auto extended_step(std::uint8_t opcode, DwarfCursor& cursor) -> bool {
    switch (opcode) {
      // A signed return address is not recognized as an address of code.
      case kNegateSignature:
      case kNop: return true;
      case kAdvance1: return advance(cursor.number<std::uint8_t>());
      case kAdvance2: return advance(cursor.number<std::uint16_t>());
      case kAdvance4: return advance(cursor.number<std::uint32_t>());
      case kRememberState: return remember();
      case kRestoreState: return restore_state();
      case kDefineCfa: {
        const auto number = cursor.leb128();
        return define_cfa(number, static_cast<std::int64_t>(cursor.leb128()));
      }
      case kDefineCfaSigned: {
        const auto number = cursor.leb128();
        return define_cfa(number, signed_offset(cursor));
      }
      case kDefineCfaRegister: return define_cfa(cursor.leb128(), rules_.cfa_offset);
      case kDefineCfaOffset: return define_cfa(rules_.cfa_register, static_cast<std::int64_t>(cursor.leb128()));
      case kDefineCfaOffsetSigned: return define_cfa(rules_.cfa_register, signed_offset(cursor));
      case kDefineCfaExpression:
        cursor.bytes(cursor.leb128());
        rules_.has_cfa = false;
        return true;
      case kArgumentsSize: cursor.leb128(); return true;
      default: return register_step(opcode, cursor);
    }
  }

  // Instructions that begin with the number of a register.
  auto register_step(std::uint8_t opcode, DwarfCursor& cursor) -> bool {
    const auto number = cursor.leb128();
    switch (opcode) {
      case kOffsetExtended: return set(number, Rule::Kind::saved, unsigned_offset(cursor));
      case kOffsetExtendedSigned: return set(number, Rule::Kind::saved, signed_offset(cursor));
      case kValueOffset: return set(number, Rule::Kind::value, unsigned_offset(cursor));
      case kValueOffsetSigned: return set(number, Rule::Kind::value, signed_offset(cursor));
      case kRestoreExtended: return restore(number);
      case kUndefined: return set(number, Rule::Kind::undefined, 0);
      case kSameValue: return set(number, Rule::Kind::same, 0);
      case kRegister: return set(number, Rule::Kind::in_register, static_cast<std::int64_t>(cursor.leb128()));
      case kExpression:
      case kValueExpression: cursor.bytes(cursor.leb128()); return set(number, Rule::Kind::not_computed, 0);
      default: return false;
    }
  }

  // Offsets wrap: all of them are untrusted.
  [[nodiscard]] auto unsigned_offset(DwarfCursor& cursor) const -> std::int64_t {
    return static_cast<std::int64_t>(cursor.leb128() * static_cast<std::uint64_t>(data_step_));
  }
  [[nodiscard]] auto signed_offset(DwarfCursor& cursor) const -> std::int64_t {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(cursor.signed_leb128()) *
                                     static_cast<std::uint64_t>(data_step_));
  }

  auto advance(std::uint64_t steps) -> bool {
    address_ += steps * code_step_;
    return true;
  }
  // Registers that are not general ones are ignored.
  auto set(std::uint64_t number, Rule::Kind kind, std::int64_t offset) -> bool {
    if (number < rules_.registers.size()) rules_.registers[number] = {.kind = kind, .offset = offset};
    return true;
  }
  auto restore(std::uint64_t number) -> bool {
    if (number < rules_.registers.size()) rules_.registers[number] = initial_.registers[number];
    return true;
  }
  auto define_cfa(std::uint64_t number, std::int64_t offset) -> bool {
    rules_.has_cfa = true;
    rules_.cfa_register = number;
    rules_.cfa_offset = offset;
    return true;
  }
  auto remember() -> bool {
    if (states_.size() == kMaxStates) return false;
    states_.push_back(rules_);
    return true;
  }
  auto restore_state() -> bool {
    if (states_.empty()) return false;
    rules_ = states_.back();
    states_.pop_back();
    return true;
  }

  std::uint64_t code_step_;
  std::int64_t data_step_;
  std::uint64_t address_;
  std::uint64_t wanted_;
  Rules rules_;
  Rules initial_;
  std::vector<Rules> states_;
};

auto sum(std::uint64_t base, std::int64_t offset) -> std::uint64_t {
  return base + static_cast<std::uint64_t>(offset);
}

auto value_of(const Rule& rule, std::size_t number, std::uint64_t cfa, const FrameRegisters& registers,
              const ReadWord& read) -> std::optional<std::uint64_t> {
  switch (rule.kind) {
    case Rule::Kind::same: return registers.values[number];
    case Rule::Kind::saved: return read(sum(cfa, rule.offset));
    case Rule::Kind::value: return sum(cfa, rule.offset);
    case Rule::Kind::in_register: {
      const auto other = static_cast<std::uint64_t>(rule.offset);
      return other < registers.values.size() ? registers.values[other] : std::nullopt;
    }
    case Rule::Kind::undefined:
    case Rule::Kind::not_computed: break;
  }
  return std::nullopt;
}

auto apply(const Rules& rules, const FrameFormat& format, const FrameRegisters& registers, const ReadWord& read)
    -> CallFrames::Caller {
  using Outcome = CallFrames::Outcome;
  const auto& return_address = rules.registers[format.return_address];
  if (return_address.kind == Rule::Kind::undefined) return {.outcome = Outcome::outermost};
  if (!rules.has_cfa || rules.cfa_register >= format.count) return {};
  const auto base = registers.values[rules.cfa_register];
  if (!base || (return_address.kind == Rule::Kind::same && !format.has_link_register())) return {};
  const auto cfa = sum(*base, rules.cfa_offset);
  CallFrames::Caller caller{.outcome = Outcome::found};
  auto& values = caller.registers.values;
  for (std::size_t number = 0; number < format.count; ++number) {
    values[number] = value_of(rules.registers[number], number, cfa, registers, read);
  }
  if (rules.registers[format.stack_pointer].kind == Rule::Kind::same) values[format.stack_pointer] = cfa;
  values[format.program_counter] = values[format.return_address];
  return values[format.program_counter] ? caller : CallFrames::Caller{};
}

}  // namespace

CallFrames::CallFrames(const FrameSections& sections, const FrameFormat& format, Budget& budget) : format_{format} {
  read(sections.eh_frame, sections.eh_frame_address, Format::eh_frame, budget);
  read(sections.debug_frame, 0, Format::debug_frame, budget);
  std::ranges::sort(functions_, {}, &Function::begin);
}

void CallFrames::read(ByteView section, std::uint64_t section_address, Format format, Budget& budget) {
  constexpr std::uint32_t k64Bit = 0xffffffff;
  constexpr std::uint64_t kSectionBit = std::uint64_t{1} << 63;
  const auto key_of = [&](std::uint64_t offset) { return format == Format::eh_frame ? offset : offset | kSectionBit; };
  DwarfCursor cursor{section};
  while (!cursor.is_at_end()) {
    const auto offset = cursor.at();
    const auto first = cursor.number<std::uint32_t>();
    if (first == 0 && format == Format::eh_frame) return;  // the end of the list
    const bool is_64_bit = first == k64Bit;
    const auto size = is_64_bit ? cursor.number<std::uint64_t>() : first;
    const auto id_at = cursor.at();
    const auto entry = cursor.bytes(size);
    if (!cursor.is_good()) return;
    const bool has_wide_id = is_64_bit && format == Format::debug_frame;
    DwarfCursor start{entry};
    const auto id = start.offset(has_wide_id);
    const std::uint64_t id_of_commons = has_wide_id ? UINT64_MAX : k64Bit;
    const std::uint64_t common_id = format == Format::eh_frame ? 0 : id_of_commons;
    const auto rest = entry.clamped_slice(start.at(), UINT64_MAX);
    if (id == common_id) {
      if (!budget.take(sizeof(Common))) return;
      if (const auto common = read_common(rest)) commons_.emplace(key_of(offset), *common);
      continue;
    }
    // Only descriptions after their common entry are accepted, so each common entry is read once.
    const auto common = commons_.find(key_of(format == Format::eh_frame ? id_at - id : id));
    if (common == commons_.end()) continue;
    read_function(common->second, rest, section_address + id_at + start.at(), budget);
  }
}

auto CallFrames::read_common(ByteView bytes) const -> std::optional<Common> {
  constexpr std::size_t kMaxAugmentation = 8;
  DwarfCursor cursor{bytes};
  Common common;
  const auto version = cursor.number<std::uint8_t>();
  if (version != 1 && version != 3 && version != 4) return std::nullopt;
  const auto augmentation = cursor.string();
  if (augmentation.size() > kMaxAugmentation) return std::nullopt;
  if (version == 4) cursor.number<std::uint16_t>();  // sizes of addresses and of segment selectors
  common.code_step = cursor.leb128();
  common.data_step = cursor.signed_leb128();
  const auto return_register = version == 1 ? cursor.number<std::uint8_t>() : cursor.leb128();
  if (return_register != format_.return_address) return std::nullopt;
  common.has_augmentation = augmentation.starts_with('z');
  if (!augmentation.empty() && !common.has_augmentation) return std::nullopt;
  if (common.has_augmentation) {
    DwarfCursor data{cursor.bytes(cursor.leb128())};
    for (const char letter : augmentation.substr(1)) {
      if (letter == 'R') {
        common.encoding = data.number<std::uint8_t>();
      } else if (letter == 'P') {
        const auto encoding = data.number<std::uint8_t>();
        if (!read_encoded(data, encoding)) return std::nullopt;
      } else if (letter == 'L') {
        data.number<std::uint8_t>();
      } else if (letter != 'S' && letter != 'B') {
        return std::nullopt;
      }
    }
    if (!data.is_good()) return std::nullopt;
  }
  if (!cursor.is_good()) return std::nullopt;
  common.instructions = bytes.clamped_slice(cursor.at(), UINT64_MAX);
  return common;
}

void CallFrames::read_function(const Common& common, ByteView bytes, std::uint64_t bytes_address, Budget& budget) {
  DwarfCursor cursor{bytes};
  const auto begin = read_address(cursor, common.encoding, bytes_address);
  if (!begin) return;
  const auto size = read_encoded(cursor, common.encoding);
  if (!size || *size == 0 || *begin + *size < *begin) return;
  if (common.has_augmentation) cursor.bytes(cursor.leb128());
  // The linker has discarded functions at address 0.
  if (!cursor.is_good() || *begin == 0 || !budget.take(sizeof(Function))) return;
  functions_.push_back({.begin = *begin,
                        .end = *begin + *size,
                        .common = &common,
                        .instructions = bytes.clamped_slice(cursor.at(), UINT64_MAX)});
}

// Descriptions do not overlap in a valid file. In others, the last one that begins before the address counts.
auto CallFrames::function_at(std::uint64_t address) const -> const Function* {
  const auto next = std::ranges::upper_bound(functions_, address, {}, &Function::begin);
  if (next == functions_.begin()) return nullptr;
  const auto& function = *std::prev(next);
  return address < function.end ? &function : nullptr;
}

auto CallFrames::caller_of(std::uint64_t address, const FrameRegisters& registers, const ReadWord& read) const
    -> Caller {
  const auto* const function = function_at(address);
  if (function == nullptr) return {};
  const auto& common = *function->common;
  if (common.instructions.size() + function->instructions.size() > kMaxInstructionBytes) return {};
  Interpreter interpreter{common.code_step, common.data_step, function->begin, address};
  if (!interpreter.run(common.instructions)) return {};
  interpreter.begin_function();
  if (!interpreter.run(function->instructions)) return {};
  return apply(interpreter.rules(), format_, registers, read);
}

}  // namespace hermitage::inspect
