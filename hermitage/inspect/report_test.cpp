#include "hermitage/inspect/report.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "hermitage/inspect/report_json.hpp"
#include "hermitage/inspect/report_text.hpp"
#include "testing/allocations.hpp"
#include "testing/archives.hpp"
#include "testing/images.hpp"
#include "testing/kernels.hpp"

namespace hermitage::inspect {
namespace {

using entry::Arch;
using entry::Endian;
using entry::ProblemCode;
using entry::Severity;
using testing::Elf;
using testing::minimal_kernel;
namespace elf = entry::elf;

constexpr Details kEverything{.relocations = true, .symbols = true, .sections = true, .load_plan = true};

auto x86_64_kernel() -> Elf {
  return minimal_kernel(Arch::x86_64, Endian::little, true);
}

auto report_of(const Elf& kernel, Details details = {}) -> Report {
  return make_report("kernel", write(kernel), details);
}

auto has_problem(const Report& report, ProblemCode code) -> bool {
  return std::ranges::any_of(report.problems, [code](const auto& problem) { return problem.code == code; });
}

TEST(Report, TellsTheFactsOfAKernel) {
  for (const auto& target : testing::kTargets) {
    for (const bool is_relocatable : {true, false}) {
      const auto kernel = minimal_kernel(target.arch, target.endian, is_relocatable);
      const auto file = write(kernel);
      const auto report = make_report("some/kernel", file);
      EXPECT_EQ(report.file, "some/kernel");
      EXPECT_EQ(report.format, entry::Format::elf);
      EXPECT_EQ(report.arch, target.arch);
      EXPECT_EQ(report.endian, target.endian);
      EXPECT_EQ(report.is_relocatable, is_relocatable);
      EXPECT_EQ(report.hermit_version, (entry::HermitVersion{0, 11, 0}));
      EXPECT_EQ(report.entry_version, 4);
      EXPECT_EQ(report.uhyve_interface, entry::UhyveInterfaceVersion{2});
      EXPECT_TRUE(report.has_uhyve_note);
      EXPECT_EQ(report.mem_size, kernel.segments[1].vaddr + kernel.segments[1].memory_size() - kernel.base);
      EXPECT_EQ(report.first_vaddr, kernel.base);
      EXPECT_EQ(report.start_addr, is_relocatable ? std::nullopt : std::optional{kernel.base});
      EXPECT_EQ(report.entry_point, kernel.entry_point);
      EXPECT_EQ(report.entry_symbol, "hermit::arch::start::_start");
      ASSERT_TRUE(report.tls);
      EXPECT_EQ(report.tls->vaddr, kernel.tls->vaddr);
      EXPECT_EQ(report.tls->memsz, kernel.tls->memsz);
      EXPECT_EQ(report.boot_protocols, std::vector{entry::BootProtocol::hermit});
      EXPECT_TRUE(report.loadable);
      EXPECT_TRUE(report.problems.empty());
    }
  }
}

TEST(Report, HoldsSegmentsAndNotesAsTheyAre) {
  const auto kernel = x86_64_kernel();
  const auto file = write(kernel);
  const auto report = make_report("kernel", file);
  ASSERT_EQ(report.segments.size(), 7U);  // headers, code, data, TLS, dynamic, stack, notes
  EXPECT_EQ(report.segments[1].type, elf::kSegmentLoad);
  EXPECT_EQ(report.segments[1].vaddr, kernel.segments[0].vaddr);
  EXPECT_EQ(report.segments[2].memsz, kernel.segments[1].memory_size());
  EXPECT_EQ(report.segments[5].type, elf::kSegmentGnuStack);

  ASSERT_EQ(report.notes.size(), kernel.notes.size());
  for (std::size_t i = 0; i < kernel.notes.size(); ++i) {
    const auto& note = report.notes[i];
    EXPECT_EQ(note.name, kernel.notes[i].name);
    EXPECT_EQ(note.type, kernel.notes[i].type);
    EXPECT_EQ(note.desc, kernel.notes[i].desc);
    // The file contains the note's header at this offset, which begins with the size of the name with its NUL.
    EXPECT_EQ(entry::read<std::uint32_t>(file, note.offset, Endian::little), note.name.size() + 1);
  }
}

TEST(Report, AKernelWithoutNotesOfChoiceSpeaksInterfaceOne) {
  auto kernel = x86_64_kernel();
  kernel.notes = {testing::hermit_note()};
  kernel.tls.reset();
  const auto report = report_of(kernel);
  EXPECT_TRUE(report.loadable);
  EXPECT_EQ(report.uhyve_interface, entry::UhyveInterfaceVersion{1});
  EXPECT_FALSE(report.has_uhyve_note);
  EXPECT_FALSE(report.hermit_version);
  EXPECT_FALSE(report.tls);
  EXPECT_TRUE(has_problem(report, ProblemCode::no_abi_tag));
}

TEST(Report, AFileWithoutHermitNoteHasNoInterface) {
  auto kernel = x86_64_kernel();
  kernel.notes.clear();
  const auto report = report_of(kernel);
  EXPECT_FALSE(report.loadable);
  EXPECT_FALSE(report.entry_version);
  EXPECT_FALSE(report.uhyve_interface);
  EXPECT_EQ(report.arch, Arch::x86_64);
  EXPECT_TRUE(report.mem_size);
}

TEST(Report, ListsBootProtocols) {
  auto kernel = x86_64_kernel();
  kernel.notes.push_back(testing::xen_pvh_note(0x2000));
  EXPECT_EQ(report_of(kernel).boot_protocols, (std::vector{entry::BootProtocol::hermit, entry::BootProtocol::pvh}));
}

TEST(Report, WhatIsNoElfFileHasAProblemOnly) {
  constexpr unsigned char kGzip[] = {0x1f, 0x8b, 0x08, 0x00};
  const auto packed = make_report("packed", std::as_bytes(std::span{kGzip}), kEverything);
  EXPECT_EQ(packed.format, entry::Format::gzip);
  EXPECT_FALSE(packed.image);
  EXPECT_TRUE(packed.problems.empty());
  ASSERT_EQ(packed.image_problems.size(), 1U);
  EXPECT_EQ(packed.image_problems[0].code, image::ProblemCode::truncated_gzip);
  EXPECT_FALSE(packed.loadable);
  EXPECT_FALSE(packed.arch);

  for (const std::string_view text : {"", "\x7f", "#!/bin/sh\n", "garbage, and more of it"}) {
    const auto report = make_report("garbage", std::as_bytes(std::span{text}), kEverything);
    EXPECT_EQ(report.format, entry::detect_format(std::as_bytes(std::span{text})));
    ASSERT_EQ(report.problems.size(), 1U);
    EXPECT_EQ(report.problems[0].code, ProblemCode::not_elf);
    EXPECT_FALSE(report.loadable);
    EXPECT_FALSE(report.endian);
    EXPECT_FALSE(report.mem_size);
    EXPECT_TRUE(report.segments.empty());
  }
}

auto image_of(std::span<const std::byte> kernel) -> std::vector<std::byte> {
  return testing::image_with(std::vector<testing::TarEntry>{{.name = "etc/motd", .contents = "hello"}},
                             {reinterpret_cast<const char*>(kernel.data()), kernel.size()});
}

TEST(Report, TellsAPackedKernelFromAnImage) {
  const auto elf = write(testing::minimal_kernel(Arch::x86_64, Endian::little, true));
  const auto report = make_report("kernel.gz", testing::gzip(elf));
  EXPECT_EQ(report.format, entry::Format::gzip_elf);
  ASSERT_EQ(report.image_problems.size(), 1U);
  EXPECT_EQ(report.image_problems[0].code, image::ProblemCode::packed_kernel);
  EXPECT_FALSE(report.loadable);
}

TEST(Report, OfAnImageIsThatOfItsKernel) {
  for (const auto& sample : testing::sample_kernels()) {
    const auto of_kernel = make_report(sample.name, sample.bytes, kEverything);
    const auto of_image = make_report(sample.name, image_of(sample.bytes), kEverything);
    EXPECT_EQ(of_image.format, entry::Format::gzip);
    ASSERT_TRUE(of_image.image) << sample.name;
    EXPECT_EQ(of_image.image->config.kernel, "/kernel");
    EXPECT_EQ(of_image.image->entries, 4U);
    EXPECT_EQ(of_image.loadable, of_kernel.loadable);
    EXPECT_EQ(of_image.problems, of_kernel.problems) << sample.name;
    EXPECT_TRUE(of_image.image_problems.empty());
    EXPECT_EQ(of_image.entry_point, of_kernel.entry_point);
    EXPECT_EQ(of_image.segments.size(), of_kernel.segments.size());
    EXPECT_EQ(of_image.load_plan.size(), of_kernel.load_plan.size());
  }
}

TEST(Report, AnOpenedImageMakesTheSameReport) {
  const auto bytes = image_of(write(x86_64_kernel()));
  const auto report = make_report("image", image::Image::open(bytes));
  EXPECT_TRUE(report.loadable);
  EXPECT_EQ(report.image->unpacked_size, make_report("image", bytes).image->unpacked_size);
}

TEST(Report, ProblemsOfImageAndKernelAreShownTogether) {
  auto kernel = x86_64_kernel();
  kernel.os_abi = 0;
  kernel.notes = {testing::hermit_note(3)};
  const auto bytes = write(kernel);
  const auto packed = testing::packed(std::vector<testing::TarEntry>{
      {.name = "hermit.toml", .contents = "color = 1\n" + std::string{testing::kMinimalConfig}},
      {.name = "kernel", .contents = {reinterpret_cast<const char*>(bytes.data()), bytes.size()}}});
  const auto report = make_report("image", packed);
  const auto shown = shown_problems(report);
  ASSERT_EQ(shown.size(), 4U);
  EXPECT_EQ(shown[0].code, "entry_version");
  EXPECT_EQ(shown[0].severity, Severity::error);
  EXPECT_TRUE(shown[0].offset);
  EXPECT_EQ(shown[1].code, "unknown_key");
  EXPECT_EQ(shown[1].severity, Severity::warning);
  EXPECT_EQ(shown[1].message, "hermit.toml:1:1: unknown key 'color', which is ignored");
  EXPECT_FALSE(shown[1].offset);
  EXPECT_EQ(shown[2].code, "os_abi");
  EXPECT_EQ(shown[3].severity, Severity::info);
}

TEST(Report, AgreesWithTheLibraryOnEverySample) {
  for (const auto& sample : testing::sample_kernels()) {
    const auto report = make_report(sample.name, sample.bytes, kEverything);
    EXPECT_EQ(report.loadable, sample.loadable) << sample.name;
    EXPECT_FALSE(has_problem(report, ProblemCode::left_out)) << sample.name;
    if (sample.error) {
      ASSERT_FALSE(report.problems.empty()) << sample.name;
      EXPECT_EQ(report.problems.front().name(), entry::Problem{.code = *sample.error}.name()) << sample.name;
    }
    if (sample.oddity) {
      EXPECT_TRUE(has_problem(report, *sample.oddity)) << sample.name;
    }
    const auto worst = std::ranges::is_sorted(report.problems, std::ranges::greater{}, &entry::Problem::severity);
    EXPECT_TRUE(worst) << sample.name;
    EXPECT_EQ(report.load_plan_start.has_value(), sample.loadable) << sample.name;
  }
}

TEST(Report, ProblemsOfOneSeverityStandAsFound) {
  // Two errors, two warnings and an info, found in another order.
  auto kernel = x86_64_kernel();
  kernel.os_abi = 0;
  kernel.notes = {testing::abi_tag_note({0, 11, 0}, Endian::little), testing::xen_pvh_note(0x2000)};
  kernel.entry_point = 0;
  kernel.tls->memsz = 1;
  std::vector<ProblemCode> codes;
  const auto report = report_of(kernel);
  codes.reserve(report.problems.size());
  for (const auto& problem : report.problems) codes.push_back(problem.code);
  EXPECT_EQ(codes, (std::vector{ProblemCode::tls_size, ProblemCode::no_hermit_note, ProblemCode::os_abi,
                                ProblemCode::entry_outside_code, ProblemCode::boots_by_pvh}));
}

// ---- Relocations

TEST(Report, CountsRelocationsTheMostFrequentFirst) {
  for (const auto& sample : testing::sample_kernels()) {
    const auto report = make_report(sample.name, sample.bytes, kEverything);
    const auto& relocations = report.relocations;
    EXPECT_TRUE(std::ranges::is_sorted(relocations.by_type, std::ranges::greater{}, [](const auto& entry) {
      return entry.second;
    })) << sample.name;
    std::map<std::string, std::uint64_t> counts;
    for (const auto& entry : relocations.entries) ++counts[entry.type];
    std::uint64_t total = 0;
    for (const auto& [type, count] : relocations.by_type) {
      EXPECT_EQ(counts[type], count) << sample.name;
      total += count;
    }
    EXPECT_EQ(relocations.entries.size(), total) << sample.name;
    EXPECT_EQ(relocations.total, total) << sample.name;
    EXPECT_TRUE(make_report(sample.name, sample.bytes).relocations.entries.empty()) << sample.name;
  }
}

TEST(Report, ListsRelocationsWithTheirSymbols) {
  auto kernel = x86_64_kernel();
  const auto data_at = kernel.segments[1].vaddr;
  kernel.dynamic_symbols = {{.name = "_ZN6hermit5hooks17h452fabd5dbee2913E", .value = 0x2000}};
  kernel.relocations = {{.offset = data_at, .type = 8, .addend = 0x2000},
                        {.offset = data_at + 8, .type = 1, .symbol = 1, .addend = 0 - std::uint64_t{16}},
                        {.offset = data_at + 16, .type = 8, .addend = 0},
                        {.offset = data_at + 24, .type = 0x123, .symbol = 99, .addend = 0}};
  kernel.relr = {data_at + 32, 0b11};
  const auto report = report_of(kernel, {.relocations = true});
  const auto& relocations = report.relocations;
  EXPECT_EQ(relocations.total, 6U);
  ASSERT_EQ(relocations.by_type.size(), 4U);
  EXPECT_EQ(relocations.by_type[0], (std::pair<std::string, std::uint64_t>{"R_X86_64_RELATIVE", 2}));
  EXPECT_EQ(relocations.by_type[1], (std::pair<std::string, std::uint64_t>{"RELR", 2}));
  ASSERT_EQ(relocations.entries.size(), 6U);
  EXPECT_EQ(relocations.entries[1].offset, data_at + 8);
  EXPECT_EQ(relocations.entries[1].type, "R_X86_64_64");
  EXPECT_EQ(relocations.entries[1].symbol, 1U);
  EXPECT_EQ(relocations.entries[1].symbol_name, "hermit::hooks");
  EXPECT_EQ(relocations.entries[1].addend, -16);
  EXPECT_EQ(relocations.entries[0].symbol_name, "");
  EXPECT_EQ(relocations.entries[3].type, "0x123");
  EXPECT_EQ(relocations.entries[3].symbol, 99U);
  EXPECT_EQ(relocations.entries[3].symbol_name, "");
  EXPECT_EQ(relocations.entries[4].type, "RELR");
  EXPECT_EQ(relocations.entries[4].offset, data_at + 32);
  EXPECT_EQ(relocations.entries[5].offset, data_at + 40);
}

TEST(Report, SymbolZeroIsNoneWhateverItsName) {
  auto kernel = x86_64_kernel();
  kernel.dynamic_symbols = {{.name = "hook", .value = 0x2000}};
  kernel.relocations = {{.offset = 0x4000, .type = 1, .symbol = 0, .addend = 0x2000}};
  auto file = write(kernel);
  const auto symbols = entry::ElfFile::open(file)->dynamic_symbols().symbols().bytes().bytes();
  testing::patch<std::uint32_t>(file, static_cast<std::size_t>(symbols.data() - file.data()), 1, Endian::little);
  const auto report = make_report("kernel", file, {.relocations = true, .symbols = true});
  EXPECT_EQ(report.symbols.entries[0].name, "hook");
  ASSERT_EQ(report.relocations.entries.size(), 1U);
  EXPECT_EQ(report.relocations.entries[0].symbol_name, "");
}

TEST(Report, TellsOfSixteenBrokenRelocationsAndCountsTheRest) {
  for (const std::uint64_t broken : {1U, 15U, 16U, 17U, 18U, 500U}) {
    auto kernel = x86_64_kernel();
    kernel.relocations.clear();
    for (std::uint64_t i = 0; i < broken; ++i) {
      kernel.relocations.push_back({.offset = 0x100000 + i, .type = 8, .addend = 0});
    }
    // A long table needs space before the code.
    const auto shift = entry::checked_align_up(header_segment_size(kernel), 0x1000).value();
    kernel.segments[0].vaddr += shift;
    kernel.segments[1].vaddr += shift;
    kernel.entry_point += shift;
    kernel.tls.reset();

    const auto report = report_of(kernel);
    EXPECT_FALSE(report.loadable);
    const auto shown =
        std::ranges::count(report.problems, ProblemCode::relocation_outside_memory, &entry::Problem::code);
    EXPECT_EQ(shown, std::min<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(broken), 16));
    EXPECT_EQ(report.problems[0].index, 0U);
    EXPECT_EQ(report.problems[0].found, 0x100000U);
    ASSERT_EQ(has_problem(report, ProblemCode::more_relocation_problems), broken > 16);
    if (broken > 16) {
      EXPECT_EQ(report.problems[16].code, ProblemCode::more_relocation_problems);
      EXPECT_EQ(report.problems[16].found, broken - 16);
    }
  }
}

// ---- Symbols

TEST(Report, CountsSymbolsAndListsThemWhenAsked) {
  auto kernel = x86_64_kernel();
  kernel.dynamic_symbols = {{.name = "absent",
                             .info = testing::symbol_info(elf::kBindWeak, testing::kTypeNone),
                             .section = elf::kSectionUndefined},
                            {.name = "_ZN6hermit4hook17h452fabd5dbee2913E", .value = 0x2010, .size = 16}};
  const auto brief = report_of(kernel);
  EXPECT_EQ(brief.symbols.dynamic, 3U);  // includes symbol 0
  EXPECT_EQ(brief.symbols.table, kernel.symbols.size() + 1);
  EXPECT_EQ(brief.symbols.total(), brief.symbols.dynamic + brief.symbols.table);
  EXPECT_TRUE(brief.symbols.entries.empty());

  const auto report = report_of(kernel, {.symbols = true});
  ASSERT_EQ(report.symbols.entries.size(), report.symbols.total());
  const auto& absent = report.symbols.entries[1];
  EXPECT_EQ(absent.name, "absent");
  EXPECT_TRUE(absent.is_dynamic);
  EXPECT_TRUE(absent.is_undefined);
  EXPECT_TRUE(absent.is_weak);
  const auto& hook = report.symbols.entries[2];
  EXPECT_EQ(hook.name, "_ZN6hermit4hook17h452fabd5dbee2913E");
  EXPECT_EQ(hook.demangled, "hermit::hook");
  EXPECT_EQ(hook.value, 0x2010U);
  EXPECT_EQ(hook.size, 16U);
  EXPECT_TRUE(hook.is_dynamic);
  EXPECT_FALSE(hook.is_undefined);
  EXPECT_FALSE(hook.is_weak);
  const auto& last = report.symbols.entries.back();
  EXPECT_FALSE(last.is_dynamic);
  EXPECT_EQ(last.demangled, "hermit::arch::start::_start");
}

using testing::SymbolDescription;

auto entry_symbol_of(std::vector<SymbolDescription> symbols, std::vector<SymbolDescription> dynamic = {}) {
  auto kernel = x86_64_kernel();
  kernel.symbols = std::move(symbols);
  kernel.dynamic_symbols = std::move(dynamic);
  return report_of(kernel).entry_symbol;
}

TEST(Report, TheEntryPointIsNamedAfterItsFunction) {
  constexpr std::uint64_t kEntry = 0x2000;
  constexpr auto kFunction = testing::symbol_info(testing::kBindGlobal, testing::kTypeFunction);
  constexpr auto kUntyped = testing::symbol_info(testing::kBindGlobal, testing::kTypeNone);
  constexpr auto kObject = testing::symbol_info(testing::kBindGlobal, testing::kTypeObject);
  EXPECT_EQ(entry_symbol_of({}), "");
  EXPECT_EQ(entry_symbol_of({{.name = "start", .info = kFunction, .value = kEntry}}), "start");
  EXPECT_EQ(entry_symbol_of({{.name = "near", .info = kFunction, .value = kEntry + 1}}), "");
  EXPECT_EQ(entry_symbol_of({{.name = "data", .info = kObject, .value = kEntry}}), "");
  // A symbol without a type, as from assembly.
  EXPECT_EQ(entry_symbol_of({{.name = "start", .info = kUntyped, .value = kEntry}}), "start");
  EXPECT_EQ(entry_symbol_of({{.name = "label", .info = kUntyped, .value = kEntry},
                             {.name = "second", .info = kUntyped, .value = kEntry}}),
            "label");
  EXPECT_EQ(entry_symbol_of({{.name = "label", .info = kUntyped, .value = kEntry},
                             {.name = "start", .info = kFunction, .value = kEntry}}),
            "start");
  EXPECT_EQ(entry_symbol_of({{.name = "$x", .info = kUntyped, .value = kEntry}}), "");
  EXPECT_EQ(entry_symbol_of({{.name = "", .info = kFunction, .value = kEntry}}), "");
  EXPECT_EQ(
      entry_symbol_of({{.name = "absent", .info = kFunction, .section = elf::kSectionUndefined, .value = kEntry}}), "");
  // The dynamic symbols of a stripped kernel also work.
  EXPECT_EQ(entry_symbol_of({}, {{.name = "_RNvC6hermit5start", .info = kFunction, .value = kEntry}}), "hermit::start");
  EXPECT_EQ(entry_symbol_of({{.name = "label", .info = kUntyped, .value = kEntry}},
                            {{.name = "start", .info = kFunction, .value = kEntry}}),
            "start");
}

// ---- Details

TEST(Report, HasSectionsAndTheDynamicSectionWhenAsked) {
  const auto kernel = x86_64_kernel();
  EXPECT_TRUE(report_of(kernel).sections.empty());
  EXPECT_TRUE(report_of(kernel).dynamic.empty());
  const auto report = report_of(kernel, {.sections = true});
  const auto text = std::ranges::find(report.sections, ".text", &SectionReport::name);
  ASSERT_NE(text, report.sections.end());
  EXPECT_EQ(text->section.addr, kernel.segments[0].vaddr);
  EXPECT_EQ(text->section.size, kernel.segments[0].bytes.size());
  EXPECT_EQ(report.sections.front().section.type, 0U);
  const auto rela_size = std::ranges::find(report.dynamic, elf::kTagRelaSize, &elf::DynamicEntry::tag);
  ASSERT_NE(rela_size, report.dynamic.end());
  EXPECT_EQ(rela_size->value, kernel.relocations.size() * elf::Rela::kSize);
}

TEST(Report, HasALoadPlanWhenAskedAndLoadable) {
  for (const bool is_relocatable : {true, false}) {
    const auto kernel = minimal_kernel(Arch::aarch64, Endian::little, is_relocatable);
    EXPECT_FALSE(report_of(kernel).load_plan_start);
    const auto report = report_of(kernel, {.load_plan = true});
    EXPECT_EQ(report.load_plan_start, is_relocatable ? kDefaultStart : kernel.base);
    std::uint64_t at = 0;
    for (const auto& step : report.load_plan) {
      EXPECT_EQ(step.memory_offset, at);
      EXPECT_GT(step.size, 0U);
      at += step.size;
    }
    EXPECT_EQ(at, report.mem_size);
  }
  auto broken = x86_64_kernel();
  broken.notes.clear();
  EXPECT_FALSE(report_of(broken, {.load_plan = true}).load_plan_start);
}

TEST(Report, AKernelOfAHugeSizeHasNoLoadPlan) {
  auto kernel = x86_64_kernel();
  kernel.segments[1].memsz = std::uint64_t{1} << 60;
  const auto report = report_of(kernel, kEverything);
  EXPECT_TRUE(report.loadable);
  EXPECT_EQ(report.mem_size, kernel.segments[1].vaddr + (std::uint64_t{1} << 60));
  EXPECT_TRUE(report.load_plan.empty());
  EXPECT_FALSE(report.load_plan_start);
}

TEST(Report, IsMadeOfRandomKernels) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const auto& target = testing::kTargets[seed % std::size(testing::kTargets)];
    const auto file = testing::random_kernel(seed, target.arch, target.endian, seed % 8 >= 4);
    const auto report = make_report("random", file, kEverything);
    EXPECT_TRUE(report.loadable) << seed;
    EXPECT_EQ(report.arch, target.arch) << seed;
    EXPECT_TRUE(report.load_plan_start) << seed;
    EXPECT_EQ(report.relocations.total, report.relocations.entries.size()) << seed;
    EXPECT_EQ(report.symbols.total(), report.symbols.entries.size()) << seed;
  }
}

TEST(Report, SurvivesEveryCut) {
  const auto file = write(x86_64_kernel());
  for (std::size_t size = 0; size < file.size(); size += size < 1200 ? 1 : 97) {
    const auto report = make_report("cut", std::span{file}.first(size), kEverything);
    if (!report.loadable) {
      ASSERT_FALSE(report.problems.empty()) << size;
      EXPECT_EQ(report.problems.front().severity(), Severity::error) << size;
    }
    for (const auto& problem : report.problems) {
      EXPECT_TRUE(report.loadable ? problem.severity() != Severity::error : true) << size;
    }
  }
}

// A kernel with this many symbols that share one name.
auto kernel_of_one_name(std::size_t symbols, std::size_t name_size) -> std::vector<std::byte> {
  auto kernel = x86_64_kernel();
  kernel.symbols = {{.name = std::string(name_size, 'n')}};
  for (std::size_t i = 1; i < symbols; ++i) kernel.symbols.push_back({.name = ""});
  auto file = write(kernel);
  const auto table = entry::ElfFile::open(file)->symbols().symbols();
  const auto first = static_cast<std::size_t>(table.bytes().bytes().data() - file.data());
  for (std::size_t i = 1; i < table.size(); ++i) {
    testing::patch<std::uint32_t>(file, first + i * elf::Symbol::kSize, 1, Endian::little);
  }
  return file;
}

// Symbols that share one long name: the memory of the report must not grow with the square of the file's size.
TEST(Report, ManySymbolsWithOneLongNameTakeLittleMemory) {
  constexpr std::size_t kCount = 20'000;
  constexpr std::size_t kNameSize = 100'000;
  const auto file = kernel_of_one_name(kCount, kNameSize);
  const auto report = make_report("symbols", file, {.symbols = true});
  ASSERT_EQ(report.symbols.table, kCount + 1);
  std::size_t kept = 0;
  for (const auto& entry : report.symbols.entries) kept += entry.name.size() + entry.demangled.size();
  EXPECT_LT(kept, 32 * file.size());
  EXPECT_TRUE(report.loadable);
  EXPECT_TRUE(has_problem(report, ProblemCode::left_out));
}

TEST(ReportLimits, ALongNameIsShortened) {
  const auto file = kernel_of_one_name(10, 5000);
  const auto report = make_report("names", file, {.symbols = true});
  std::size_t shortened_names = 0;
  for (const auto& entry : report.symbols.entries) {
    if (!entry.is_truncated) continue;
    ++shortened_names;
    EXPECT_EQ(entry.name, std::string(4096, 'n') + "… (5000 bytes)");
    EXPECT_EQ(entry.demangled, entry.name);
  }
  EXPECT_EQ(shortened_names, 10U);
}

TEST(ReportLimits, SymbolsThatShareALongNameTakeWhatTheirsWouldShort) {
  constexpr std::size_t kSymbols = 500;
  constexpr std::size_t kNameSize = 4 << 20;
  const auto file = kernel_of_one_name(kSymbols, kNameSize);
  std::size_t written = 0;
  std::size_t largest_piece = 0;
  const auto cost = testing::allocations_of([&] {
    const auto report = make_report("names", file, {.symbols = true});
    const auto count = [&](std::string_view piece) {
      written += piece.size();
      largest_piece = std::max(largest_piece, piece.size());
    };
    print_symbols(report, Display{}, count);
    print_json(report, count);
  });
  EXPECT_GT(written, kSymbols * 3 * 4096);
  EXPECT_LE(largest_piece, 100'000U);
  EXPECT_LE(cost.peak, 3 * kNameSize);
}

TEST(Report, RealImages) {
  struct Case {
    std::string_view name;
    bool loadable;
    Arch arch;
  };
  constexpr Case kCases[] = {{"x86_64-0.6.9-hello_world", true, Arch::x86_64},
                             {"x86_64-0.6.9-rusty_demo", true, Arch::x86_64},
                             {"aarch64-0.11.0-hello_world", true, Arch::aarch64},
                             {"x86_64-0.2.2-entry3-hello_world", false, Arch::x86_64}};
  bool has_any = false;
  for (const auto& [name, loadable, arch] : kCases) {
    const auto image = testing::read_image(name);
    if (!image) continue;
    has_any = true;
    const auto report = make_report(std::string{name}, *image, kEverything);
    EXPECT_EQ(report.loadable, loadable) << name;
    EXPECT_EQ(report.arch, arch) << name;
    EXPECT_TRUE(report.entry_version) << name;
    EXPECT_GT(report.relocations.total, 0U) << name;
    EXPECT_EQ(report.relocations.entries.size(), report.relocations.total) << name;
    EXPECT_FALSE(report.sections.empty()) << name;
    EXPECT_FALSE(has_problem(report, ProblemCode::left_out)) << name;
    EXPECT_EQ(report.load_plan_start.has_value(), loadable) << name;
  }
  if (!has_any) GTEST_SKIP() << "no images in " << testing::images_directory();
}

}  // namespace
}  // namespace hermitage::inspect
