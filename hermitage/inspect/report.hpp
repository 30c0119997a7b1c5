// Everything there is to say about an image file, ready to be shown.
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

// Which of the long lists the report is to hold; the rest it always has.
struct Details {
  bool relocations = false;
  bool symbols = false;
  bool sections = false;
  bool load_plan = false;
};

// Names in a report are as they stand in the file, up to kMaxName bytes (hermitage/inspect/names.hpp); is_truncated
// says where one was longer.

struct NoteReport {
  std::string name;
  std::uint32_t type = 0;
  std::vector<std::byte> desc;  // up to kMaxName bytes
  std::uint64_t offset = 0;     // in the file
  bool is_truncated = false;    // the name or the descriptor
};

struct RelocationReport {
  std::uint64_t total = 0;
  // Names such as R_X86_64_RELATIVE, "RELR" for those of DT_RELR, a number for a type without a name; the most
  // frequent first.
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
    std::string name;       // as it stands in the file
    std::string demangled;  // as its author wrote it
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

// Of a readable Hermit image.
struct ImageReport {
  image::Config config;
  std::uint64_t entries = 0;        // files, directories and links
  std::uint64_t unpacked_size = 0;  // bytes of the archive without gzip
};

// As far as the file can be read; what is not there, or cannot be read, is empty. Of a Hermit image, everything but the
// first three is of its kernel.
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
  std::optional<entry::UhyveInterfaceVersion> uhyve_interface;  // 1 for a Hermit kernel that has no note
  bool has_uhyve_note = false;
  std::optional<std::uint64_t> mem_size;     // bytes
  std::optional<std::uint64_t> first_vaddr;  // of the image, as linked
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
  std::optional<std::uint64_t> load_plan_start;   // the address that load_plan is made for
  std::vector<entry::LoadStep> load_plan;         // with Details::load_plan, when loadable
  bool loadable = false;
  std::vector<entry::Problem> problems;        // the worst first, otherwise as found
  std::vector<image::Problem> image_problems;  // with the image itself
};

// A problem of either kind, as it is shown.
struct ShownProblem {
  entry::Severity severity = entry::Severity::error;
  std::string_view code = {};
  std::string message = {};
  std::optional<std::uint64_t> offset = std::nullopt;  // in the kernel's file
};

// How many problems of one code a report holds at most; what else an image or a kernel has of them is left out.
inline constexpr std::size_t kMaxProblemsOfOneCode = 64;

// All of them, the worst first, otherwise those with the image before those with the kernel.
[[nodiscard]] auto shown_problems(const Report& report) -> std::vector<ShownProblem>;

// The page size that load plans are shown for, and where relocatable kernels are loaded when nobody says where.
inline constexpr std::uint64_t kPageSize = 4096;
inline constexpr std::uint64_t kDefaultStart = 0x40000;

// Takes any bytes. `file` is only a name.
[[nodiscard]] auto make_report(std::string file, std::span<const std::byte> bytes, Details details = {}) -> Report;

// The same of gzip data that has been opened, or could not be.
[[nodiscard]] auto make_report(std::string file, const std::expected<image::Image, image::Problem>& image,
                               Details details = {}) -> Report;

}  // namespace hermitage::inspect
