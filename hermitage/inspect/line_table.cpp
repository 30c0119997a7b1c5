#include "hermitage/inspect/line_table.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "hermitage/inspect/dwarf_cursor.hpp"
#include "hermitage/inspect/names.hpp"

namespace hermitage::inspect {
namespace {

using entry::ByteView;

// DW_LNS_…
enum StandardOpcode : std::uint8_t {
  kExtended = 0,
  kCopy = 1,
  kAdvancePc = 2,
  kAdvanceLine = 3,
  kSetFile = 4,
  kConstantAddPc = 8,
  kFixedAdvancePc = 9,
};

// DW_LNE_…
enum ExtendedOpcode : std::uint8_t {
  kEndSequence = 1,
  kSetAddress = 2,
};

// DW_LNCT_…
enum ContentType : std::uint8_t {
  kPath = 1,
  kDirectoryIndex = 2,
};

// DW_FORM_…
enum Form : std::uint8_t {
  kFormData2 = 0x05,
  kFormData4 = 0x06,
  kFormData8 = 0x07,
  kFormString = 0x08,
  kFormBlock = 0x09,
  kFormData1 = 0x0b,
  kFormStringOffset = 0x0e,  // DW_FORM_strp
  kFormUnsigned = 0x0f,
  kFormLineString = 0x1f,  // DW_FORM_line_strp
  kFormData16 = 0x1e,
};

// The paths of all tables. Each path is stored once.
class Paths {
 public:
  explicit Paths(Budget& budget) : budget_{budget} {}

  // Returns nothing if the budget is exhausted.
  auto number_of(std::string_view directory, std::string_view name) -> std::optional<std::uint32_t> {
    auto path = shortened(name.starts_with('/') || directory.empty() ? without_toolchain(name)
                                                                     : without_toolchain(join(directory, name)));
    const auto known = numbers_.find(path);
    if (known != numbers_.end()) return known->second;
    if (!budget_.take(2 * path.size() + sizeof(std::string))) return std::nullopt;
    const auto number = static_cast<std::uint32_t>(files_.size());
    files_.push_back(path);
    numbers_.emplace(std::move(path), number);
    return number;
  }

  auto take() -> std::vector<std::string> { return std::move(files_); }

 private:
  static auto join(std::string_view directory, std::string_view name) -> std::string {
    return fmt::format("{}{}{}", directory.substr(0, kMaxName), directory.ends_with('/') ? "" : "/",
                       name.substr(0, kMaxName));
  }

  // Rust's own object files contain "/rustc/COMMIT/library/…" for "library/…".
  static auto without_toolchain(std::string_view path) -> std::string {
    constexpr std::string_view kBefore = "/rustc/";
    const auto end = path.starts_with(kBefore) ? path.find('/', kBefore.size()) : std::string_view::npos;
    return std::string{end == std::string_view::npos ? path : path.substr(end + 1)};
  }

  Budget& budget_;
  std::vector<std::string> files_;
  std::map<std::string, std::uint32_t, std::less<>> numbers_;  // not hashed: files could cause collisions
};

// The code in [begin, end) is from one line.
struct Row {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint32_t line = 0;
};

// One table: a header with directories and files, and a program for a state machine that makes rows.
class Unit {
 public:
  Unit(ByteView bytes, bool is_64_bit, StringTable& line_strings, StringTable& strings, Paths& paths)
      : is_64_bit_{is_64_bit},
        line_strings_{line_strings},
        strings_{strings},
        paths_{paths},
        header_{bytes},
        bytes_{bytes} {}

  // Calls emit(const Row&, file) for each row with code. `file` is a function that returns the number of the file, if
  // it is known and the budget is not exhausted.
  template <class Emit>
  void read(Emit emit) {
    const auto program = read_header();
    if (program) run(*program, emit);
  }

 private:
  struct File {
    std::string_view name = {};
    std::uint64_t directory = 0;
    std::optional<std::uint32_t> number = {};
    bool is_known = false;  // number is the result of Paths
  };

  struct EntryFormat {
    std::uint64_t content;
    std::uint64_t form;
  };

  // Returns the program after the header.
  auto read_header() -> std::optional<ByteView> {
    version_ = header_.number<std::uint16_t>();
    if (version_ < 2 || version_ > 5) return std::nullopt;
    if (version_ == 5) header_.number<std::uint16_t>();  // sizes of addresses and of segment selectors
    const auto size = header_.offset(is_64_bit_);
    const auto begin = header_.at();
    if (!entry::range_fits(begin, size, bytes_.size())) return std::nullopt;
    step_ = header_.number<std::uint8_t>();
    if (version_ >= 4) header_.number<std::uint8_t>();  // operations of an instruction: one on these architectures
    header_.number<std::uint8_t>();                     // default_is_stmt
    const std::int32_t line_base = header_.number<std::uint8_t>();  // of 8 bits, with a sign
    line_base_ = line_base < 0x80 ? line_base : line_base - 0x100;
    line_range_ = header_.number<std::uint8_t>();
    opcode_base_ = header_.number<std::uint8_t>();
    if (line_range_ == 0 || opcode_base_ == 0) return std::nullopt;
    for (unsigned opcode = 1; opcode < opcode_base_; ++opcode) arguments_[opcode] = header_.number<std::uint8_t>();
    const bool has_names = version_ == 5 ? read_names() : read_old_names();
    if (!has_names) return std::nullopt;
    return bytes_.clamped_slice(begin + size, UINT64_MAX);
  }

  // Up to DWARF 4, directory 0 is the directory of the compilation and is not in the list. File numbers begin at 1.
  auto read_old_names() -> bool {
    directories_.emplace_back();
    for (auto name = header_.string(); !name.empty(); name = header_.string()) {
      if (directories_.size() < kMaxLineFiles) directories_.push_back(name);
    }
    files_.emplace_back();
    for (auto name = header_.string(); !name.empty(); name = header_.string()) {
      const auto directory = header_.leb128();
      header_.leb128();  // modification time
      header_.leb128();  // size of the file
      if (files_.size() < kMaxLineFiles) files_.push_back({.name = name, .directory = directory});
    }
    return header_.is_good();
  }

  // From DWARF 5 on, the list contains directory 0. Its name is not needed: paths are relative to it.
  auto read_names() -> bool {
    const auto add_directory = [this](const File& entry) {
      if (directories_.size() < kMaxLineFiles) directories_.push_back(directories_.empty() ? "" : entry.name);
    };
    const auto add_file = [this](const File& entry) {
      if (files_.size() < kMaxLineFiles) files_.push_back(entry);
    };
    return read_entries(add_directory) && read_entries(add_file);
  }

  template <class Add>
  auto read_entries(Add add) -> bool {
    std::vector<EntryFormat> formats(header_.number<std::uint8_t>());
    for (auto& [content, form] : formats) {
      content = header_.leb128();
      form = header_.leb128();
    }
    const auto count = header_.leb128();
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto begin = header_.at();
      File entry;
      for (const auto& format : formats) {
        if (!read_value(format, entry)) return false;
      }
      // If entries have no bytes, their number has no limit.
      if (!header_.is_good() || header_.at() == begin) return false;
      add(entry);
    }
    return header_.is_good();
  }

  // Returns false for a form of unknown size.
  auto read_value(const EntryFormat& format, File& entry) -> bool {
    std::uint64_t value = 0;
    std::string_view text;
    switch (format.form) {
      case kFormString: text = header_.string(); break;
      case kFormLineString: text = line_strings_.at(header_.offset(is_64_bit_)); break;
      case kFormStringOffset: text = strings_.at(header_.offset(is_64_bit_)); break;
      case kFormUnsigned: value = header_.leb128(); break;
      case kFormData1: value = header_.number<std::uint8_t>(); break;
      case kFormData2: value = header_.number<std::uint16_t>(); break;
      case kFormData4: value = header_.number<std::uint32_t>(); break;
      case kFormData8: value = header_.number<std::uint64_t>(); break;
      case kFormData16: header_.bytes(16); break;
      case kFormBlock: header_.bytes(header_.leb128()); break;
      default: return false;
    }
    if (format.content == kPath) entry.name = text;
    if (format.content == kDirectoryIndex) entry.directory = value;
    return true;
  }

  auto number_of(std::uint64_t index) -> std::optional<std::uint32_t> {
    if (index >= files_.size() || files_[index].name.empty()) return std::nullopt;
    auto& file = files_[index];
    if (!std::exchange(file.is_known, true)) {
      const auto directory = file.directory < directories_.size() ? directories_[file.directory] : std::string_view{};
      file.number = paths_.number_of(directory, file.name);
    }
    return file.number;
  }

  template <class Emit>
  void run(ByteView program, Emit emit) {
    DwarfCursor code{program};
    start_sequence();
    while (!code.is_at_end()) {
      const auto opcode = code.number<std::uint8_t>();
      if (opcode >= opcode_base_) {
        const auto operand = static_cast<unsigned>(opcode - opcode_base_);
        address_ += step_ * (operand / line_range_);
        line_ += static_cast<std::uint32_t>(line_base_) + operand % line_range_;
        add_row(emit);
        continue;
      }
      switch (opcode) {
        case kExtended: run_extended(code, emit); break;
        case kCopy: add_row(emit); break;
        case kAdvancePc: address_ += step_ * code.leb128(); break;
        case kAdvanceLine: line_ += static_cast<std::uint32_t>(code.signed_leb128()); break;
        case kSetFile: file_ = code.leb128(); break;
        case kConstantAddPc: address_ += step_ * ((255U - opcode_base_) / line_range_); break;
        case kFixedAdvancePc: address_ += code.number<std::uint16_t>(); break;
        default:
          for (unsigned i = 0; i < arguments_[opcode]; ++i) code.leb128();
      }
    }
  }

  template <class Emit>
  void run_extended(DwarfCursor& code, Emit emit) {
    DwarfCursor instruction{code.bytes(code.leb128())};
    switch (instruction.number<std::uint8_t>()) {
      case kEndSequence:
        add_row(emit);
        start_sequence();
        break;
      case kSetAddress: set_address(instruction); break;
      default: break;
    }
  }

  void set_address(DwarfCursor& instruction) {
    const bool is_first = !row_begin_;
    address_ = instruction.number<std::uint64_t>();
    if (is_first) is_discarded_ = address_ == 0;
  }

  void start_sequence() {
    address_ = 0;
    file_ = 1;
    line_ = 1;
    row_begin_.reset();
    is_discarded_ = true;  // until the sequence sets an address
  }

  // A row states the file and the line for the code from its address to the address of the next row.
  template <class Emit>
  void add_row(Emit emit) {
    if (row_begin_ && address_ > *row_begin_ && !is_discarded_) {
      emit(Row{.begin = *row_begin_, .end = address_, .line = row_line_}, [this] { return number_of(row_file_); });
    }
    row_begin_ = address_;
    row_file_ = file_;
    row_line_ = line_;
  }

  bool is_64_bit_;
  StringTable& line_strings_;
  StringTable& strings_;
  Paths& paths_;
  DwarfCursor header_;
  ByteView bytes_;

  std::uint16_t version_ = 0;
  std::uint64_t step_ = 1;  // bytes
  std::int32_t line_base_ = 0;
  std::uint8_t line_range_ = 0;
  std::uint8_t opcode_base_ = 0;
  std::array<std::uint8_t, 256> arguments_{};  // of each standard opcode
  std::vector<std::string_view> directories_;
  std::vector<File> files_;

  std::uint64_t address_ = 0;
  std::uint64_t file_ = 1;
  std::uint32_t line_ = 1;                  // computed modulo 2^32
  std::optional<std::uint64_t> row_begin_;  // of the previous row
  std::uint64_t row_file_ = 1;
  std::uint32_t row_line_ = 1;
  bool is_discarded_ = true;
};

// Calls emit() of Unit::read() for all tables.
template <class Emit>
void read_units(const LineSections& sections, Paths& paths, Emit emit) {
  constexpr std::uint32_t k64Bit = 0xffffffff;
  StringTable line_strings{sections.line_string};
  StringTable strings{sections.string};
  DwarfCursor cursor{sections.line};
  while (!cursor.is_at_end()) {
    const auto first = cursor.number<std::uint32_t>();
    const bool is_64_bit = first == k64Bit;
    const auto size = is_64_bit ? cursor.number<std::uint64_t>() : first;
    const auto unit = cursor.bytes(size);
    if (!cursor.is_good()) break;
    Unit{unit, is_64_bit, line_strings, strings, paths}.read(emit);
  }
}

}  // namespace

auto read_line_tables(const LineSections& sections, Budget& budget) -> LineTables {
  Paths paths{budget};
  LineTables tables;
  auto& ranges = tables.ranges;
  read_units(sections, paths, [&](const Row& row, const auto& file) {
    const auto number = file();
    if (!number) return;
    if (!ranges.empty() && ranges.back().file == *number && ranges.back().end == row.begin) {
      ranges.back().end = row.end;
    } else if (budget.take(sizeof(LineRange))) {
      ranges.push_back({.begin = row.begin, .end = row.end, .file = *number});
    }
  });
  tables.files = paths.take();
  return tables;
}

auto find_lines(const LineSections& sections, std::span<const std::uint64_t> addresses, Budget& budget)
    -> std::vector<SourceLine> {
  struct Wanted {
    std::uint64_t address = 0;
    std::size_t index = 0;
    std::optional<std::uint32_t> file = {};
    std::uint32_t line = 0;
  };
  std::vector<Wanted> wanted;
  for (const auto address : addresses) wanted.push_back({.address = address, .index = wanted.size()});
  std::ranges::sort(wanted, {}, &Wanted::address);
  Paths paths{budget};
  read_units(sections, paths, [&](const Row& row, const auto& file) {
    auto place = std::ranges::lower_bound(wanted, row.begin, {}, &Wanted::address);
    for (; place != wanted.end() && place->address < row.end; ++place) {
      if (place->file) continue;
      place->file = file();
      place->line = row.line;
    }
  });
  const auto files = paths.take();
  std::vector<SourceLine> lines(addresses.size());
  for (const auto& place : wanted) {
    if (place.file) lines[place.index] = {.file = files[*place.file], .line = place.line};
  }
  return lines;
}

}  // namespace hermitage::inspect
