// All information about a kernel or an image, before formatting.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hermitage/entry/boot_protocol.hpp"
#include "hermitage/entry/format.hpp"
#include "hermitage/entry/kernel_object.hpp"
#include "hermitage/entry/load_plan.hpp"
#include "hermitage/image/image.hpp"

namespace hermitage::inspect {

// Selects the long lists of the report. Other parts are always included.
struct Details {
  bool relocations = false;
  bool symbols = false;
  bool sections = false;
  bool load_plan = false;
};

// Names in a report are those of the file, at most kMaxName bytes (hermitage/inspect/names.hpp). is_truncated states
// whether a name was longer.

struct NoteReport {
  std::string name;
  std::uint32_t type = 0;
  std::vector<std::byte> desc;  // up to kMaxName bytes
  std::uint64_t offset = 0;     // in the file
  bool is_truncated = false;    // whether the name or the descriptor is truncated
};

struct RelocationReport {
  std::uint64_t total = 0;
  // Names such as R_X86_64_RELATIVE, "RELR" for relocations of DT_RELR, or a number for an unknown type. Sorted, the
  // most frequent first.
  std::vector<std::pair<std::string, std::uint64_t>> by_type;

  struct Entry {
    std::uint64_t offset = 0;
    std::string type;
    std::uint32_t symbol = 0;
    std::string symbol_name;
    std::int64_t addend = 0;
    bool is_truncated = false;
  };
  std::vector<Entry> entries;  // with Details::relocations
};

struct SymbolReport {
  std::uint64_t dynamic = 0;  // entries of the dynamic symbol table
  std::uint64_t table = 0;    // entries of SHT_SYMTAB

  struct Entry {
    std::uint64_t value = 0;
    std::uint64_t size = 0;
    std::string name;       // as in the file
    std::string demangled;  // the demangled name
    bool is_dynamic = false;
    bool is_undefined = false;
    bool is_weak = false;
    bool is_truncated = false;
  };
  std::vector<Entry> entries;  // with Details::symbols

  [[nodiscard]] auto total() const -> std::uint64_t { return dynamic + table; }
};

struct SectionReport {
  std::string name;
  entry::elf::Section section;
  bool is_truncated = false;
};

// The report of a readable image.
struct ImageReport {
  image::Config config;
  std::uint64_t entries = 0;        // files, directories and links
  std::uint64_t unpacked_size = 0;  // bytes of the archive without gzip
};

// Contains all that can be read from the file. Absent and unreadable parts are empty. For an image, all members but
// the first three describe its kernel.
struct Report {
  std::string file;
  Details details;
  entry::Format format = entry::Format::unknown;  // of the file
  std::optional<ImageReport> image;
  std::optional<entry::Arch> arch;
  std::optional<entry::Endian> endian;
  std::optional<bool> is_relocatable;
  std::optional<entry::HermitVersion> hermit_version;
  std::optional<std::uint8_t> entry_version;
  std::optional<entry::UhyveInterfaceVersion> uhyve_interface;  // 1 for a Hermit kernel without a note
  bool has_uhyve_note = false;
  std::optional<std::uint64_t> mem_size;     // bytes
  std::optional<std::uint64_t> first_vaddr;  // address of the loaded kernel, as linked
  std::optional<std::uint64_t> start_addr;   // nothing for a relocatable kernel
  std::optional<std::uint64_t> entry_point;  // e_entry
  std::string entry_symbol;                  // demangled
  std::optional<entry::elf::Segment> tls;
  std::vector<entry::BootProtocol> boot_protocols;
  std::vector<entry::elf::Segment> segments;
  std::vector<NoteReport> notes;
  RelocationReport relocations;
  SymbolReport symbols;
  std::vector<SectionReport> sections;            // with Details::sections
  std::vector<entry::elf::DynamicEntry> dynamic;  // with Details::sections
  std::optional<std::uint64_t> load_plan_start;   // the start address for load_plan
  std::vector<entry::LoadStep> load_plan;         // with Details::load_plan, if the kernel can be loaded
  bool loadable = false;
  std::vector<entry::Problem> problems;        // by severity, the highest first, then in detection order
  std::vector<image::Problem> image_problems;  // of the image itself
};

// A problem of a kernel or of an image, for output.
struct ShownProblem {
  entry::Severity severity = entry::Severity::error;
  std::string_view code = {};
  std::string message = {};
  std::optional<std::uint64_t> offset = std::nullopt;  // in the kernel's file
};

// The largest number of problems with one code in a report. Others are omitted.
inline constexpr std::size_t kMaxProblemsOfOneCode = 64;

// Returns all problems, sorted by severity, the highest first. Problems of the image come before those of the kernel.
[[nodiscard]] auto shown_problems(const Report& report) -> std::vector<ShownProblem>;

// The page size of load plans in reports, and the start address of relocatable kernels without another choice.
inline constexpr std::uint64_t kPageSize = 4096;
inline constexpr std::uint64_t kDefaultStart = 0x40000;

// Accepts any bytes. `file` is only a name.
[[nodiscard]] auto make_report(std::string file, std::span<const std::byte> bytes, Details details = {}) -> Report;

// The same for gzip data, with the image or the problem from opening it.
[[nodiscard]] auto make_report(std::string file, const std::expected<image::Image, image::Problem>& image,
                               Details details = {}) -> Report;

}  // namespace hermitage::inspect
