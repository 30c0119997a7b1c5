#include "hermitage/inspect/report_text.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "hermitage/inspect/quantities.hpp"
#include "testing/archives.hpp"
#include "testing/kernels.hpp"

namespace hermitage::inspect {
namespace {

using entry::Arch;
using entry::Endian;
using testing::Elf;
using testing::minimal_kernel;
namespace elf = entry::elf;

constexpr Details kEverything{.relocations = true, .symbols = true, .sections = true, .load_plan = true};

struct Part {
  std::string_view name;
  void (*print)(const Report&, const Display&, const Sink&);
};
constexpr Part kParts[] = {
    {"summary", [](const Report& report, const Display& display,
                   const Sink& sink) { print_summary(report, display, Extent::brief, sink); }},
    {"full", [](const Report& report, const Display& display,
                const Sink& sink) { print_summary(report, display, Extent::full, sink); }},
    {"segments", print_segments},
    {"notes", print_notes},
    {"sections", print_sections},
    {"load plan", print_load_plan},
    {"relocations", print_relocations},
    {"symbols", print_symbols},
};

auto x86_64_kernel() -> Elf {
  return minimal_kernel(Arch::x86_64, Endian::little, true);
}

auto report_of(const Elf& kernel, std::string name = "kernel") -> Report {
  return make_report(std::move(name), write(kernel), kEverything);
}

auto lines_of(std::string_view text) -> std::vector<std::string> {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// The first line that contains `text`. Removes spaces at its ends, and replaces others by single spaces.
auto line_with(const std::string& page, std::string_view text) -> std::string {
  for (const auto& line : lines_of(page)) {
    if (!line.contains(text)) continue;
    std::string words;
    for (const char character : line) {
      if (character != ' ' || (!words.empty() && words.back() != ' ')) words += character;
    }
    while (words.ends_with(' ')) words.pop_back();
    return words;
  }
  return "no line with " + std::string{text};
}

auto count_of(std::string_view text, std::string_view wanted) -> std::size_t {
  std::size_t count = 0;
  for (auto at = text.find(wanted); at != std::string_view::npos; at = text.find(wanted, at + wanted.size())) ++count;
  return count;
}

// The text without colours, as in a terminal.
auto without_colour(std::string_view text) -> std::string {
  std::string plain;
  while (!text.empty()) {
    if (text.starts_with("\x1b[")) {
      text.remove_prefix(text.find('m') + 1);
    } else {
      plain += text.front();
      text.remove_prefix(1);
    }
  }
  return plain;
}

void expect_clean(std::string_view text, std::string_view what) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    ASSERT_TRUE(byte == '\n' || byte >= 0x20) << what << ": " << printable(text);
    ASSERT_NE(byte, 0x7fU) << what;
    const bool is_c1 = byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    ASSERT_FALSE(is_c1) << what;
  }
}

TEST(ReportText, BeginsWithVersionMemorySizeAndStartAddress) {
  const auto relocatable = collected(print_summary, report_of(x86_64_kernel()), Display{}, Extent::brief);
  EXPECT_TRUE(relocatable.starts_with("Version: 0.11.0\nMemory Size: 22528 (22 KiB)\nStart Address: any\n\n"))
      << relocatable;
  const auto fixed =
      collected(print_summary, report_of(minimal_kernel(Arch::aarch64, Endian::big, false)), Display{}, Extent::brief);
  EXPECT_TRUE(
      fixed.starts_with("Version: 0.11.0\nMemory Size: 22528 (22 KiB)\nStart Address: 4303355904 (0x100800000)\n\n"))
      << fixed;
  const auto nothing = collected(print_summary, make_report("nothing", {}), Display{}, Extent::brief);
  EXPECT_TRUE(nothing.starts_with("Version: none\nMemory Size: unknown\nStart Address: unknown\n\n")) << nothing;
}

TEST(ReportText, SummaryTellsTheFacts) {
  const auto text = collected(print_summary, report_of(x86_64_kernel()), Display{}, Extent::brief);
  EXPECT_EQ(line_with(text, "Format"), "Format ELF");
  EXPECT_EQ(line_with(text, "Architecture"), "Architecture x86_64, little endian");
  EXPECT_EQ(line_with(text, "Position"), "Position relocatable");
  EXPECT_EQ(line_with(text, "Entry version"), "Entry version 4");
  EXPECT_EQ(line_with(text, "Uhyve interface"), "Uhyve interface 2");
  EXPECT_EQ(line_with(text, "Entry point"), "Entry point 0x2000 hermit::arch::start::_start");
  EXPECT_EQ(line_with(text, "TLS"), "TLS 0x4300, template of 32 bytes and 64 zeros, aligned to 16");
  EXPECT_EQ(line_with(text, "Boot protocols"), "Boot protocols hermit");
  EXPECT_EQ(line_with(text, "Loadable"), "Loadable: yes");
  EXPECT_EQ(line_with(text, "R_X86_64_RELATIVE"), "R_X86_64_RELATIVE 8");
  EXPECT_EQ(line_with(text, "Symbols"), "Symbols 3 and 1 dynamic");
  EXPECT_EQ(line_with(text, "Hermit 0.11.0"), "GNU 0x1 06000000000000000b00000000000000 Hermit 0.11.0");
  EXPECT_EQ(line_with(text, "HERMIT"), "HERMIT 0x5a00 04 Hermit entry version 4");
  EXPECT_EQ(line_with(text, "UHYVEIF"), "UHYVEIF 0x5b00 00000002 Uhyve interface 2");
  EXPECT_EQ(line_with(text, " 1  PT_LOAD"), "1 PT_LOAD 0x1000 0x2000 0x80 0x80 r-x 0x1000");
}

TEST(ReportText, SummaryTellsWhatIsMissing) {
  auto kernel = x86_64_kernel();
  kernel.notes = {testing::hermit_note()};
  kernel.tls.reset();
  kernel.symbols.clear();
  auto text = collected(print_summary, report_of(kernel), Display{}, Extent::brief);
  EXPECT_EQ(line_with(text, "Version"), "Version: none");
  EXPECT_EQ(line_with(text, "Uhyve interface"), "Uhyve interface 1 (has no note)");
  EXPECT_EQ(line_with(text, "Entry point"), "Entry point 0x2000");
  EXPECT_EQ(line_with(text, "TLS"), "TLS none");
  EXPECT_EQ(line_with(text, "info"), "info no_abi_tag: no Hermit version (no ABI tag), as in kernels before 0.10");

  kernel.notes.clear();
  text = collected(print_summary, report_of(kernel), Display{}, Extent::brief);
  EXPECT_EQ(line_with(text, "Entry version"), "Entry version none");
  EXPECT_EQ(line_with(text, "Uhyve interface"), "Uhyve interface none");
  EXPECT_EQ(line_with(text, "Boot protocols"), "Boot protocols none");
  EXPECT_EQ(line_with(text, "Loadable"), "Loadable: no");
  EXPECT_EQ(line_with(text, "no_note_segment"),
            "error no_note_segment: no PT_NOTE segment, which declares the entry version of a Hermit kernel");
  EXPECT_TRUE(text.contains("\nNotes\n  none\n")) << text;
}

TEST(ReportText, OfManyEqualProblemsTheFirstAreShown) {
  Report report;
  for (std::uint64_t i = 0; i < 40; ++i) {
    report.problems.push_back({.code = entry::ProblemCode::segment_order, .index = i, .expected = 2, .found = 1});
    report.problems.push_back({.code = entry::ProblemCode::writable_code, .index = i});
  }
  report.problems.push_back({.code = entry::ProblemCode::no_note_segment});
  const auto brief = collected(print_summary, report, Display{}, Extent::brief);
  const auto shown = brief.substr(brief.find("Loadable: no\n"));
  EXPECT_EQ(shown,
            "Loadable: no\n"
            "  error    segment_order: segment 0 begins at 0x1, before the end of the previous segment at 0x2\n"
            "  error    segment_order: segment 1 begins at 0x1, before the end of the previous segment at 0x2\n"
            "  error    segment_order: segment 2 begins at 0x1, before the end of the previous segment at 0x2\n"
            "           … and 37 more like this: see --all\n"
            "  error    no_note_segment: no PT_NOTE segment, which declares the entry version of a Hermit kernel\n"
            "  warning  writable_code: segment 0 is both writable and executable\n"
            "  warning  writable_code: segment 1 is both writable and executable\n"
            "  warning  writable_code: segment 2 is both writable and executable\n"
            "           … and 37 more like this: see --all\n");
  const auto full = collected(print_summary, report, Display{}, Extent::full);
  EXPECT_TRUE(full.contains("segment 39 is both")) << full;
  EXPECT_FALSE(full.contains("more like this")) << full;
}

TEST(ReportText, MoreProblemsThanAReportHoldsAreNotCounted) {
  Report report;
  for (std::size_t i = 0; i < kMaxProblemsOfOneCode; ++i) {
    report.problems.push_back({.code = entry::ProblemCode::writable_code, .index = i});
  }
  const auto text = collected(print_summary, report, Display{}, Extent::brief);
  EXPECT_TRUE(text.contains("… and at least 61 more like this: see --all\n")) << text;
}

TEST(ReportText, SummaryOfWhatIsNoElfFileIsShort) {
  constexpr std::string_view kGzip = "\x1f\x8b\x08\x08";
  EXPECT_EQ(collected(print_summary, make_report("packed", std::as_bytes(std::span{kGzip})), Display{}, Extent::brief),
            "Version: none\nMemory Size: unknown\nStart Address: unknown\n\n"
            "Format             gzip\n\n"
            "Loadable: no\n"
            "  error    truncated_gzip: is truncated within its gzip data\n");
}

TEST(ReportText, SummaryOfAnImageShowsItsConfiguration) {
  const auto bytes = write(x86_64_kernel());
  const auto image = testing::packed(std::vector<testing::TarEntry>{
      {.name = "hermit.toml",
       .contents = "version = \"1\"\nkernel = \"/boot/k\"\n[input]\nkernel_args = [\"-v\", \"\\u001b[2J\"]\n"
                   "app_args = [\"a b\"]\nenv_vars = [\"A=1\"]\n[requirements]\nmemory = \"64M\"\ncpus = 2\nx = 1\n"},
      {.name = "boot/k", .contents = {reinterpret_cast<const char*>(bytes.data()), bytes.size()}}});
  const auto text = collected(print_summary, make_report("image", image), Display{}, Extent::brief);
  EXPECT_TRUE(line_with(text, "Format").starts_with("Format Hermit image, 3 entries, ")) << text;
  EXPECT_TRUE(
      text.contains("\nKernel             /boot/k\n"
                    "Kernel arguments   -v\n"
                    "                   \\x1b[2J\n"
                    "App arguments      a b\n"
                    "Environment        A=1\n"
                    "Least memory       64 MiB\n"
                    "Least vCPUs        2\n"
                    "Architecture       x86_64, little endian\n"))
      << text;
  EXPECT_TRUE(
      text.contains("\nLoadable: yes\n  warning  unknown_key: hermit.toml:10:1: unknown key "
                    "'requirements.x', which is ignored\n"))
      << text;
}

TEST(ReportText, ProblemsTellWhereTheyAre) {
  auto kernel = x86_64_kernel();
  kernel.os_abi = 0;
  const auto text = collected(print_summary, report_of(kernel), Display{}, Extent::brief);
  EXPECT_EQ(line_with(text, "os_abi"),
            "warning os_abi: the operating system ABI is 0 instead of 255 (standalone) [at 0x7]");
  EXPECT_EQ(line_with(text, "Loadable"), "Loadable: yes");
}

TEST(ReportText, EveryPartOfEverySampleIsClean) {
  for (const auto& sample : testing::sample_kernels()) {
    const auto report = make_report(sample.name, sample.bytes, kEverything);
    for (const auto& part : kParts) {
      const auto text = collected(part.print, report, Display{});
      expect_clean(text, sample.name);
      if (!text.empty()) {
        EXPECT_TRUE(text.ends_with('\n')) << sample.name << ' ' << part.name;
      }
      // Colours change nothing else.
      EXPECT_EQ(without_colour(collected(part.print, report, Display{.colour = Colour::on})), text)
          << sample.name << ' ' << part.name;
    }
    EXPECT_TRUE(collected(print_summary, report, Display{.colour = Colour::on}, Extent::brief).contains("\x1b["))
        << sample.name;
  }
}

TEST(ReportText, NoControlCharacterOfTheFileIsShown) {
  constexpr std::string_view kHostile =
      "\x1b]0;title\x07\x1b[2J\r\n\t\x7f\xc2\x9b"
      "31m\xff";
  constexpr std::string_view kShown = R"(\x1b]0;title\x07\x1b[2J\x0d\x0a\x09\x7f\xc2\x9b31m\xff)";
  auto kernel = x86_64_kernel();
  kernel.notes.push_back({.name = std::string{kHostile}, .type = 1, .desc = {}});
  kernel.symbols = {{.name = std::string{kHostile},
                     .info = testing::symbol_info(testing::kBindGlobal, testing::kTypeFunction),
                     .value = kernel.entry_point}};
  kernel.dynamic_symbols = {{.name = std::string{kHostile}, .value = 0x2000}};
  kernel.relocations.push_back({.offset = 0x4100, .type = 1, .symbol = 1, .addend = 0});
  auto report = report_of(kernel, std::string{kHostile});
  ASSERT_FALSE(report.sections.empty());
  report.sections[0].name = kHostile;
  for (const auto& part : kParts) {
    const auto text = collected(part.print, report, Display{});
    expect_clean(text, part.name);
    const bool has_names = part.name != "segments" && part.name != "load plan";
    EXPECT_EQ(text.contains(kShown), has_names) << part.name;
  }
}

// ---- Long lists

TEST(ReportText, SummaryCutsLongListsAndSaysWhereTheRestIs) {
  auto kernel = x86_64_kernel();
  const auto stack_count = [](std::string_view text) { return count_of(text, "PT_GNU_STACK"); };
  for (const std::size_t extra : {17U, 18U, 19U, 50U}) {
    // The other six: three PT_LOAD, TLS, dynamic, notes.
    kernel.extra_segments.assign(extra, {.type = elf::kSegmentGnuStack});
    const auto report = report_of(kernel);
    ASSERT_EQ(report.segments.size(), extra + 6);
    const auto text = collected(print_summary, report, Display{}, Extent::brief);
    const auto hidden = extra + 6 > 24 ? extra + 6 - 24 : 0;
    if (hidden == 0) {
      EXPECT_FALSE(text.contains("more: see")) << extra;
    } else {
      EXPECT_EQ(line_with(text, "more: see --segments"), "… and " + std::to_string(hidden) + " more: see --segments");
    }
    EXPECT_EQ(stack_count(collected(print_segments, report, Display{})), extra);
    EXPECT_FALSE(collected(print_segments, report, Display{}).contains("more: see"));
    const auto full = collected(print_summary, report, Display{}, Extent::full);
    EXPECT_EQ(stack_count(full), extra);
    EXPECT_FALSE(full.contains("more: see"));
  }

  kernel = x86_64_kernel();
  for (int i = 0; i < 40; ++i) kernel.notes.push_back({.name = "Lab", .type = 7});
  kernel.segments[0].vaddr += 0x1000;
  kernel.entry_point += 0x1000;
  const auto report = report_of(kernel);
  EXPECT_EQ(line_with(collected(print_summary, report, Display{}, Extent::brief), "more: see --notes"),
            "… and 19 more: see --notes");
  EXPECT_EQ(count_of(collected(print_summary, report, Display{}, Extent::brief), "  Lab "), 24U - 3);
  EXPECT_EQ(count_of(collected(print_notes, report, Display{}), "  Lab "), 40U);
  EXPECT_EQ(count_of(collected(print_summary, report, Display{}, Extent::full), "  Lab "), 40U);
}

TEST(ReportText, SummaryCutsLongDescriptors) {
  auto kernel = x86_64_kernel();
  const auto desc = [](std::size_t size) { return std::vector<std::byte>(size, std::byte{0xab}); };
  kernel.notes.push_back({.name = "Lab16", .type = 7, .desc = desc(16)});
  kernel.notes.push_back({.name = "Lab17", .type = 7, .desc = desc(17)});
  const auto report = report_of(kernel);
  const auto summary = collected(print_summary, report, Display{}, Extent::brief);
  const auto notes = collected(print_notes, report, Display{});
  const auto digits = [](std::size_t size) {
    std::string text;
    for (; size > 0; --size) text += "ab";
    return text;
  };
  EXPECT_EQ(line_with(summary, "Lab16"), "Lab16 0x7 " + digits(16));
  EXPECT_EQ(line_with(summary, "Lab17"), "Lab17 0x7 " + digits(16) + "…");
  EXPECT_EQ(line_with(notes, "Lab17"), "Lab17 0x7 " + digits(17));
  EXPECT_EQ(line_with(collected(print_summary, report, Display{}, Extent::full), "Lab17"), "Lab17 0x7 " + digits(17));
}

TEST(ReportText, MeaningsOfNotesAreToldInTheGuestsByteOrder) {
  for (const auto& target : testing::kTargets) {
    auto kernel = minimal_kernel(target.arch, target.endian, true);
    kernel.notes = {testing::hermit_note(), testing::abi_tag_note({1, 2, 3}, target.endian), testing::uhyve_note(3),
                    testing::xen_pvh_note(0x2000)};
    const auto text = collected(print_notes, report_of(kernel), Display{});
    EXPECT_TRUE(line_with(text, "GNU").ends_with(" Hermit 1.2.3")) << text;
    EXPECT_TRUE(line_with(text, "HERMIT").ends_with(" Hermit entry version 4")) << text;
    EXPECT_TRUE(line_with(text, "UHYVEIF").ends_with(" Uhyve interface 3")) << text;
    EXPECT_TRUE(line_with(text, "Xen").ends_with(" Xen PVH entry point")) << text;
  }
}

// ---- The parts

TEST(ReportText, RelocationsTellAddendsWithTheirSign) {
  auto kernel = x86_64_kernel();
  kernel.dynamic_symbols = {{.name = "_RNvC6hermit4hook", .value = 0x2000}};
  kernel.relocations = {{.offset = 0x4000, .type = 8, .addend = 0x2000},
                        {.offset = 0x4008, .type = 1, .symbol = 1, .addend = 0 - std::uint64_t{0x10}},
                        {.offset = 0x4010, .type = 1, .symbol = 1, .addend = 0},
                        {.offset = 0x4018, .type = 1, .symbol = 9, .addend = 1},
                        {.offset = 0x4020, .type = 99, .addend = std::uint64_t{1} << 63}};
  kernel.relr = {0x4200};
  const auto text = collected(print_relocations, report_of(kernel), Display{});
  EXPECT_TRUE(text.contains("Relocations: 6\n")) << text;
  EXPECT_EQ(line_with(text, "0x4000"), "0x4000 R_X86_64_RELATIVE + 0x2000");
  EXPECT_EQ(line_with(text, "0x4008"), "0x4008 R_X86_64_64 hermit::hook - 0x10");
  EXPECT_EQ(line_with(text, "0x4010"), "0x4010 R_X86_64_64 hermit::hook + 0x0");
  EXPECT_EQ(line_with(text, "0x4018"), "0x4018 R_X86_64_64 symbol 9 + 0x1");
  EXPECT_EQ(line_with(text, "0x4020"), "0x4020 0x63 - 0x8000000000000000");
  EXPECT_EQ(line_with(text, "0x4200"), "0x4200 RELR");
}

TEST(ReportText, SymbolsTellWhatTheyAre) {
  auto kernel = x86_64_kernel();
  const auto weak = testing::symbol_info(elf::kBindWeak, testing::kTypeFunction);
  kernel.dynamic_symbols = {{.name = "absent", .info = weak, .section = elf::kSectionUndefined},
                            {.name = "weak", .info = weak, .value = 0x2010, .size = 7},
                            {.name = "_ZN6hermit4hook17h452fabd5dbee2913E", .value = 0x2020, .size = 1234567}};
  const auto text = collected(print_symbols, report_of(kernel), Display{});
  EXPECT_TRUE(text.contains("Symbols: 3 and 4 dynamic\n")) << text;
  EXPECT_EQ(line_with(text, "absent"), "0x0 0 du absent");
  EXPECT_EQ(line_with(text, "weak"), "0x2010 7 dw weak");
  EXPECT_EQ(line_with(text, "hermit::hook"), "0x2020 1234567 d- hermit::hook");
  EXPECT_EQ(line_with(text, "_start"), "0x2000 64 -- hermit::arch::start::_start");
}

TEST(ReportText, NumbersOfThingsAreGrouped) {
  Report report;
  report.relocations.total = 1234567;
  EXPECT_TRUE(collected(print_relocations, report, Display{}).contains("Relocations: 1,234,567\n"));
  report.symbols = {.dynamic = 999, .table = 1000, .entries = {}};
  EXPECT_TRUE(collected(print_symbols, report, Display{}).contains("Symbols: 1,000 and 999 dynamic\n"));
}

TEST(ReportText, SectionsAreNumbered) {
  const auto kernel = x86_64_kernel();
  const auto report = report_of(kernel);
  const auto text = collected(print_sections, report, Display{});
  EXPECT_TRUE(text.contains("Sections: " + std::to_string(report.sections.size()) + "\n")) << text;
  EXPECT_TRUE(line_with(text, ".text").ends_with(" .text type 0x1 offset 0x1000 address 0x2000 size 0x80")) << text;
  EXPECT_TRUE(text.contains("Dynamic section: " + std::to_string(report.dynamic.size()) + "\n")) << text;
  EXPECT_EQ(line_with(text, "  0x8  "), "0x8 0xc0") << text;
}

TEST(ReportText, LoadPlanTellsEveryStep) {
  const auto report = report_of(x86_64_kernel());
  const auto text = collected(print_load_plan, report, Display{});
  EXPECT_TRUE(text.starts_with("\nLoad plan at 0x40000, with pages of 4 KiB\n")) << text;
  EXPECT_EQ(lines_of(text).size(), 2 + report.load_plan.size());
  EXPECT_EQ(line_with(text, "at 0x42000"), "copy 128 bytes at 0x42000 from 0x1000");
  EXPECT_EQ(line_with(text, "at 0x42080"), "zero 8,064 bytes at 0x42080");

  auto broken = x86_64_kernel();
  broken.notes.clear();
  EXPECT_EQ(collected(print_load_plan, report_of(broken), Display{}), "");
}

// ---- The drawn map

// The columns between the bars of a line of the map. Empty for other lines.
auto map_columns(const std::string& line) -> std::string {
  constexpr std::string_view kEdge = "│";
  const auto begin = line.find(kEdge);
  const auto end = line.rfind(kEdge);
  if (begin == std::string::npos || begin == end) return {};
  std::string columns;
  for (const char byte : line.substr(begin + kEdge.size(), end - begin - kEdge.size())) {
    // Replaces each glyph by one letter. The last bytes of the glyphs differ.
    const auto last = static_cast<unsigned char>(byte);
    if (byte == ' ') columns += ' ';
    if (last == 0x88) columns += '#';  // █ e2 96 88
    if (last == 0x91) columns += '.';  // ░ e2 96 91
    if (last == 0xb2) columns += '^';  // ▲ e2 96 b2
  }
  return columns;
}

// With the 56 columns of a bar between an address of seven characters and "---  SIZE segment 0".
auto map_rows(const Report& report, std::size_t display_columns = 93) -> std::vector<std::string> {
  std::vector<std::string> rows;
  const Display display{.columns = display_columns};
  for (const auto& line : lines_of(collected(print_summary, report, display, Extent::brief))) {
    if (const auto columns = map_columns(line); !columns.empty()) rows.push_back(columns);
  }
  return rows;
}

auto report_with_segments(std::uint64_t size, std::vector<elf::Segment> segments) -> Report {
  Report report;
  report.first_vaddr = 0x10000;
  report.mem_size = size;
  report.entry_point = 0x10000;
  for (auto& segment : segments) segment.type = elf::kSegmentLoad;
  report.segments = std::move(segments);
  return report;
}

auto columns(std::size_t before, std::size_t solid, std::size_t zeros) -> std::string {
  return std::string(before, ' ') + std::string(solid, '#') + std::string(zeros, '.') +
         std::string(56 - before - solid - zeros, ' ');
}

// The lines of the map, with a heading, in a text.
auto map_of(std::string_view text) -> std::vector<std::string> {
  return lines_of(text.substr(std::min(text.find("Memory map: "), text.size())));
}

// In characters.
auto length_of(std::string_view line) -> std::size_t {
  return static_cast<std::size_t>(
      std::ranges::count_if(line, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

TEST(ReportText, TheMapFitsTheDisplayForEverySample) {
  for (const auto& sample : testing::sample_kernels()) {
    const auto report = make_report(sample.name, sample.bytes);
    for (const std::size_t columns : {60U, 80U, 100U, 200U}) {
      const auto text = collected(print_summary, report, Display{.columns = columns}, Extent::brief);
      std::size_t longest = 0;
      for (const auto& line : map_of(text)) longest = std::max(longest, length_of(line));
      EXPECT_TRUE(longest == 0 || longest == columns) << sample.name << ": " << longest << '\n' << text;
    }
  }
}

TEST(ReportText, TheMapHasABarOnTheNarrowestDisplay) {
  const auto report = report_with_segments(0x1000, {{.vaddr = 0x10000, .filesz = 0x800, .memsz = 0x1000}});
  EXPECT_EQ(map_rows(report, 0), (std::vector<std::string>{"####....", "^       "}));
  EXPECT_EQ(map_rows(report, 45), map_rows(report, 0));
  EXPECT_EQ(map_rows(report, 47)[0], "#####.....");
  EXPECT_EQ(map_rows(report, SIZE_MAX)[0].size(), 500U - (45 - 8));
}

TEST(ReportText, IsAsciiOnADisplayWithoutUtf8) {
  for (const auto& sample : testing::sample_kernels()) {
    const auto report = make_report("漢字", sample.bytes, kEverything);
    const Display display{.charset = Charset::ascii, .columns = 60};
    for (const auto& part : kParts) {
      const auto text = collected(part.print, report, display);
      EXPECT_TRUE(std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; })) << text;
    }
  }
  const auto report = report_with_segments(0x1000, {{.vaddr = 0x10000, .filesz = 0x800, .memsz = 0x1000}});
  const Display narrow{.charset = Charset::ascii, .columns = 0};
  const auto lines = map_of(collected(print_summary, report, narrow, Extent::brief));
  EXPECT_EQ(lines, (std::vector<std::string>{"Memory map: 4 KiB, 512 bytes a column (# file, . zeros)",
                                             "  0x10000 |####....| ---  4 KiB     segment 0",
                                             "  0x10000 |^       |      entry point"}));
}

TEST(ReportText, TheMapIsToScale) {
  const auto report = report_with_segments(0x3800,  // 0x100 per column
                                           {{.vaddr = 0x10000, .filesz = 0x1000, .memsz = 0x1000},
                                            {.vaddr = 0x11000, .filesz = 0x400, .memsz = 0x800},
                                            {.vaddr = 0x12000, .filesz = 0, .memsz = 0x200},
                                            {.vaddr = 0x13700, .filesz = 0x100, .memsz = 0x100}});
  const auto rows = map_rows(report);
  ASSERT_EQ(rows.size(), 5U);
  EXPECT_EQ(rows[0], columns(0, 16, 0));
  EXPECT_EQ(rows[1], columns(16, 4, 4));
  EXPECT_EQ(rows[2], columns(32, 0, 2));
  EXPECT_EQ(rows[3], columns(55, 1, 0));
  EXPECT_EQ(rows[4], "^" + std::string(55, ' '));
}

TEST(ReportText, TheMapShowsEvenTheSmallest) {
  // The last address has three characters more.
  const auto rows = map_rows(
      report_with_segments(std::uint64_t{1} << 30, {{.vaddr = 0x10000, .filesz = 1, .memsz = 1},
                                                    {.vaddr = 0x10001, .filesz = 0, .memsz = 1},
                                                    {.vaddr = 0x10000 + (1 << 30) - 1, .filesz = 1, .memsz = 1},
                                                    {.vaddr = 0x10000, .filesz = 0, .memsz = 1 << 30}}),
      96);
  ASSERT_EQ(rows.size(), 5U);
  EXPECT_EQ(rows[0], columns(0, 1, 0));
  EXPECT_EQ(rows[1], columns(0, 0, 1));
  EXPECT_EQ(rows[2], columns(55, 1, 0));
  EXPECT_EQ(rows[3], columns(0, 0, 56));
}

TEST(ReportText, TheMapShowsZerosWhereThereIsRoomForThem) {
  // A few zeros after many bytes of the file, and the reverse.
  const auto rows = map_rows(report_with_segments(0x3800, {{.vaddr = 0x10000, .filesz = 0xfff, .memsz = 0x1000},
                                                           {.vaddr = 0x11000, .filesz = 1, .memsz = 0x1000}}));
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0], columns(0, 15, 1));
  EXPECT_EQ(rows[1], columns(16, 1, 15));
}

TEST(ReportText, TheLargestMapIsDrawn) {
  auto report =
      report_with_segments(UINT64_MAX - 0x10000, {{.vaddr = 0x10000, .filesz = 0, .memsz = UINT64_MAX - 0x10000}});
  EXPECT_EQ(map_rows(report)[0], columns(0, 0, 56));
  report.mem_size = 1;
  report.segments[0].memsz = 1;
  EXPECT_EQ(map_rows(report)[0], columns(0, 0, 56));
}

}  // namespace
}  // namespace hermitage::inspect
