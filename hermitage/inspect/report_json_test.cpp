#include "hermitage/inspect/report_json.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "testing/archives.hpp"
#include "testing/kernels.hpp"

namespace hermitage::inspect {
namespace {

using entry::Arch;
using entry::Endian;
using Json = nlohmann::ordered_json;
using testing::minimal_kernel;

constexpr Details kEverything{.relocations = true, .symbols = true, .sections = true, .load_plan = true};

auto x86_64_kernel() -> testing::Elf {
  return minimal_kernel(Arch::x86_64, Endian::little, true);
}

// Throws if the output is not JSON.
auto json_of(const Report& report) -> Json {
  return Json::parse(collected(print_json, report));
}

auto json_of(const testing::Elf& kernel, Details details = {}) -> Json {
  return json_of(make_report("kernel", write(kernel), details));
}

auto keys_of(const Json& object) -> std::string {
  std::string keys;
  for (const auto& [key, value] : object.items()) keys += (keys.empty() ? "" : " ") + key;
  return keys;
}

constexpr std::string_view kKeysBefore =
    "file format config arch endian relocatable hermit_version entry_version uhyve_interface_version mem_size "
    "start_addr "
    "entry_point entry_symbol tls boot_protocols segments notes relocations symbols";
constexpr std::string_view kKeysBehind = "loadable problems";

TEST(ReportJson, HasAllKeysInOrder) {
  const auto expected = std::string{kKeysBefore} + " " + std::string{kKeysBehind};
  EXPECT_EQ(keys_of(json_of(x86_64_kernel())), expected);
  // For every file.
  EXPECT_EQ(keys_of(json_of(make_report("empty", {}))), expected);
  EXPECT_EQ(keys_of(json_of(x86_64_kernel(), kEverything)),
            std::string{kKeysBefore} + " sections dynamic load_plan " + std::string{kKeysBehind});
  EXPECT_EQ(keys_of(json_of(x86_64_kernel(), {.sections = true})),
            std::string{kKeysBefore} + " sections dynamic " + std::string{kKeysBehind});
  EXPECT_EQ(keys_of(json_of(x86_64_kernel(), {.load_plan = true})),
            std::string{kKeysBefore} + " load_plan " + std::string{kKeysBehind});
}

TEST(ReportJson, TellsTheFactsOfARelocatableKernel) {
  const auto kernel = x86_64_kernel();
  const auto json = json_of(kernel);
  EXPECT_EQ(json["file"], "kernel");
  EXPECT_EQ(json["format"], "elf");
  EXPECT_EQ(json["arch"], "x86_64");
  EXPECT_EQ(json["endian"], "little");
  EXPECT_EQ(json["relocatable"], true);
  EXPECT_EQ(json["hermit_version"], "0.11.0");
  EXPECT_EQ(json["entry_version"], 4);
  EXPECT_EQ(json["uhyve_interface_version"], 2);
  EXPECT_EQ(json["mem_size"], kernel.segments[1].vaddr + kernel.segments[1].memory_size());
  EXPECT_TRUE(json["start_addr"].is_null());
  EXPECT_EQ(json["entry_point"], kernel.entry_point);
  EXPECT_EQ(json["entry_symbol"], "hermit::arch::start::_start");
  EXPECT_EQ(json["tls"], (Json{{"start", kernel.tls->vaddr},
                               {"filesz", kernel.tls->filesz},
                               {"memsz", kernel.tls->memsz},
                               {"align", kernel.tls->align}}));
  EXPECT_EQ(json["boot_protocols"], Json::array({"hermit"}));
  EXPECT_EQ(json["loadable"], true);
  EXPECT_EQ(json["problems"], Json::array());
}

TEST(ReportJson, TellsTheFactsOfAFixedKernel) {
  const auto kernel = minimal_kernel(Arch::aarch64, Endian::big, false);
  const auto json = json_of(kernel);
  EXPECT_EQ(json["arch"], "aarch64");
  EXPECT_EQ(json["endian"], "big");
  EXPECT_EQ(json["relocatable"], false);
  EXPECT_EQ(json["start_addr"], kernel.base);
  EXPECT_EQ(json["relocations"], (Json{{"total", 0}, {"by_type", Json::object()}}));
}

TEST(ReportJson, HasTheConfigurationOfAnImage) {
  const auto bytes = write(minimal_kernel(Arch::x86_64, Endian::little, true));
  const auto image = testing::packed(std::vector<testing::TarEntry>{
      {.name = "hermit.toml",
       .contents = "version = \"1\"\nkernel = \"/k\"\n[input]\nkernel_args = [\"-v\"]\napp_args = []\n"
                   "env_vars = [\"A=1\"]\n[requirements]\nmemory = \"64 MiB\"\n"},
      {.name = "k", .contents = {reinterpret_cast<const char*>(bytes.data()), bytes.size()}}});
  const auto json = json_of(make_report("image", image));
  EXPECT_EQ(json["format"], "image");
  EXPECT_EQ(json["config"], (Json{{"kernel", "/k"},
                                  {"kernel_args", {"-v"}},
                                  {"app_args", Json::array()},
                                  {"env_vars", {"A=1"}},
                                  {"memory", 64 << 20},
                                  {"cpus", 0}}));
  EXPECT_EQ(json["arch"], "x86_64");
  EXPECT_EQ(json["loadable"], true);
  EXPECT_TRUE(json_of(minimal_kernel(Arch::x86_64, Endian::little, true))["config"].is_null());
}

TEST(ReportJson, WhatIsUnknownIsNull) {
  for (const std::string_view text : {"", "not a kernel", "\x1f\x8b\x08 packed"}) {
    const auto json = json_of(make_report("file", std::as_bytes(std::span{text})));
    EXPECT_EQ(json["format"], entry::name(entry::detect_format(std::as_bytes(std::span{text}))));
    for (const auto* key :
         {"config", "arch", "endian", "relocatable", "hermit_version", "entry_version", "uhyve_interface_version",
          "mem_size", "start_addr", "entry_point", "entry_symbol", "tls"}) {
      EXPECT_TRUE(json[key].is_null()) << key;
    }
    for (const auto* key : {"boot_protocols", "segments", "notes"}) EXPECT_EQ(json[key], Json::array()) << key;
    EXPECT_EQ(json["relocations"], (Json{{"total", 0}, {"by_type", Json::object()}}));
    EXPECT_EQ(json["symbols"], (Json{{"total", 0}, {"dynamic", 0}, {"table", 0}}));
    EXPECT_EQ(json["loadable"], false);
    ASSERT_EQ(json["problems"].size(), 1U);
    EXPECT_EQ(json["problems"][0]["severity"], "error");
  }
}

TEST(ReportJson, ListsSegmentsAndNotes) {
  const auto kernel = x86_64_kernel();
  const auto json = json_of(kernel);
  ASSERT_EQ(json["segments"].size(), 7U);
  const auto& data = json["segments"][2];
  EXPECT_EQ(keys_of(data), "type offset vaddr filesz memsz flags align");
  EXPECT_EQ(data["type"], "PT_LOAD");
  EXPECT_EQ(data["vaddr"], kernel.segments[1].vaddr);
  EXPECT_EQ(data["filesz"], kernel.segments[1].bytes.size());
  EXPECT_EQ(data["memsz"], kernel.segments[1].memory_size());
  EXPECT_EQ(data["flags"], "rw-");
  EXPECT_EQ(data["align"], 4096);
  ASSERT_EQ(json["notes"].size(), 3U);
  EXPECT_EQ(keys_of(json["notes"][0]), "name type desc offset truncated");
  EXPECT_EQ(json["notes"][0]["name"], "GNU");
  EXPECT_EQ(json["notes"][0]["desc"], "06000000000000000b00000000000000");
  EXPECT_EQ(json["notes"][1]["type"], 0x5a00);
  EXPECT_EQ(json["notes"][1]["desc"], "04");
  EXPECT_EQ(json["notes"][2]["desc"], "00000002");
}

TEST(ReportJson, ListsProblemsWithTheirPlace) {
  auto kernel = x86_64_kernel();
  kernel.notes = {testing::hermit_note(3)};
  kernel.os_abi = 0;
  const auto json = json_of(kernel);
  EXPECT_EQ(json["loadable"], false);
  ASSERT_GE(json["problems"].size(), 2U);
  for (const auto& problem : json["problems"]) EXPECT_EQ(keys_of(problem), "severity code message offset");
  EXPECT_EQ(json["problems"][0]["code"], "entry_version");
  EXPECT_EQ(json["problems"][0]["severity"], "error");
  EXPECT_EQ(json["problems"][0]["offset"], json["notes"][0]["offset"]);
  EXPECT_EQ(json["problems"][1]["code"], "os_abi");
  EXPECT_EQ(json["problems"][1]["severity"], "warning");
  EXPECT_EQ(json["problems"][1]["offset"], 7);
  EXPECT_EQ(json["problems"][1]["message"], "the operating system ABI is 0 instead of 255 (standalone)");
  // A problem without a location.
  EXPECT_EQ(json["problems"].back()["code"], "no_abi_tag");
  EXPECT_TRUE(json["problems"].back()["offset"].is_null());
}

TEST(ReportJson, ListsRelocationsSymbolsAndSectionsWhenAsked) {
  auto kernel = x86_64_kernel();
  kernel.relocations[0].addend = 0 - std::uint64_t{8};
  const auto brief = json_of(kernel);
  EXPECT_EQ(keys_of(brief["relocations"]), "total by_type");
  EXPECT_EQ(brief["relocations"]["by_type"], (Json{{"R_X86_64_RELATIVE", kernel.relocations.size()}}));
  EXPECT_EQ(keys_of(brief["symbols"]), "total dynamic table");
  EXPECT_EQ(brief["symbols"]["total"], 4);
  EXPECT_EQ(brief["symbols"]["dynamic"], 1);
  EXPECT_EQ(brief["symbols"]["table"], 3);

  const auto json = json_of(kernel, kEverything);
  EXPECT_EQ(json["relocations"]["total"], kernel.relocations.size());
  ASSERT_EQ(json["relocations"]["entries"].size(), kernel.relocations.size());
  EXPECT_EQ(json["relocations"]["entries"][0], (Json{{"offset", kernel.relocations[0].offset},
                                                     {"type", "R_X86_64_RELATIVE"},
                                                     {"symbol", 0},
                                                     {"symbol_name", ""},
                                                     {"addend", -8},
                                                     {"truncated", false}}));
  ASSERT_EQ(json["symbols"]["entries"].size(), 4U);
  EXPECT_EQ(json["symbols"]["entries"].back(), (Json{{"value", kernel.symbols.back().value},
                                                     {"size", kernel.symbols.back().size},
                                                     {"name", "_RNvNtNtCsdL8mVqrXnLm_6hermit4arch5start6__start"},
                                                     {"demangled", "hermit::arch::start::_start"},
                                                     {"dynamic", false},
                                                     {"undefined", false},
                                                     {"weak", false},
                                                     {"truncated", false}}));
  ASSERT_FALSE(json["sections"].empty());
  for (const auto& section : json["sections"]) {
    EXPECT_EQ(keys_of(section), "name type flags addr offset size link info addralign entsize truncated");
  }
  ASSERT_FALSE(json["dynamic"].empty());
  for (const auto& entry : json["dynamic"]) EXPECT_EQ(keys_of(entry), "tag value");
}

TEST(ReportJson, TellsTheLoadPlan) {
  const auto json = json_of(x86_64_kernel(), {.load_plan = true});
  const auto& plan = json["load_plan"];
  EXPECT_EQ(keys_of(plan), "start_addr page_size steps");
  EXPECT_EQ(plan["start_addr"], 0x40000);
  EXPECT_EQ(plan["page_size"], 4096);
  std::uint64_t at = 0;
  for (const auto& step : plan["steps"]) {
    EXPECT_EQ(keys_of(step), "action memory_offset size file_offset flags relocated_pages");
    EXPECT_EQ(step["memory_offset"], at);
    at += step["size"].get<std::uint64_t>();
    const auto& action = step["action"];
    EXPECT_TRUE(action == "map" || action == "copy" || action == "zero") << action;
    EXPECT_EQ(step["file_offset"].is_null(), action == "zero");
    EXPECT_EQ(step["flags"].get<std::string>().size(), 3U);
  }
  EXPECT_EQ(at, json["mem_size"]);
}

TEST(ReportJson, NumbersKeepAll64Bits) {
  auto kernel = minimal_kernel(Arch::x86_64, Endian::little, false);
  auto file = write(kernel);
  testing::patch<std::uint64_t>(file, testing::offset_of(testing::HeaderField::entry), UINT64_MAX, Endian::little);
  const auto text = collected(print_json, make_report("kernel", file));
  EXPECT_TRUE(text.contains("\"entry_point\": 18446744073709551615")) << text;
  EXPECT_EQ(Json::parse(text)["entry_point"], UINT64_MAX);
}

TEST(ReportJson, AnyNameCanBeSaid) {
  struct Case {
    std::string_view name, in_json;
  };
  constexpr Case kCases[] = {
      {"plain", "plain"},
      {R"("quoted" \ and /)", R"("quoted" \ and /)"},
      {"line\nbreak\ttab\x1b[31m", "line\nbreak\ttab\x1b[31m"},
      {"漢字 🦀", "漢字 🦀"},
      // Bytes that are not UTF-8 are replaced.
      {"\xff", "\xef\xbf\xbd"},
      {"a\x80z", "a\xef\xbf\xbdz"},
      {"cut \xe2\x82", "cut \xef\xbf\xbd"},
  };
  for (const auto& [name, in_json] : kCases) {
    auto kernel = x86_64_kernel();
    kernel.notes.push_back({.name = std::string{name}, .type = 1});
    kernel.symbols.push_back({.name = std::string{name}});
    const auto text = collected(print_json, make_report(std::string{name}, write(kernel), kEverything));
    for (const char character : text) {
      EXPECT_TRUE(character == '\n' || static_cast<unsigned char>(character) >= 0x20) << name;
    }
    const auto json = Json::parse(text);
    EXPECT_EQ(json["file"], in_json);
    EXPECT_EQ(json["notes"].back()["name"], in_json);
    EXPECT_EQ(json["symbols"]["entries"].back()["name"], in_json);
  }
}

TEST(ReportJson, NoControlCharacterReachesATerminal) {
  // Not only those below 0x20: for a terminal, U+009B is the same as ESC [.
  auto kernel = x86_64_kernel();
  kernel.symbols.push_back({.name = "a\x7f\xc2\x9b"
                                    "31mb"});
  const auto text = collected(print_json, make_report("kernel", write(kernel), kEverything));
  EXPECT_EQ(text.find('\x7f'), std::string::npos);
  EXPECT_EQ(text.find("\xc2\x9b"), std::string::npos);
  EXPECT_EQ(Json::parse(text)["symbols"]["entries"].back()["name"],
            "a\x7f\xc2\x9b"
            "31mb");
}

TEST(ReportJson, IsIndentedAndEndsWithoutANewline) {
  const auto text = collected(print_json, make_report("kernel", write(x86_64_kernel())));
  EXPECT_TRUE(text.starts_with("{\n  \"file\": \"kernel\",\n")) << text;
  EXPECT_TRUE(text.ends_with("\n}")) << text;
}

TEST(ReportJson, SeveralReportsAreAnArray) {
  EXPECT_EQ(collected(print_json_array, std::span<const Report>{}), "[]");
  const std::vector<Report> reports{make_report("first", write(x86_64_kernel())), make_report("second", {})};
  const auto text = collected(print_json_array, std::span<const Report>{reports});
  const auto json = Json::parse(text);
  ASSERT_EQ(json.size(), 2U);
  EXPECT_EQ(json[0], json_of(reports[0]));
  EXPECT_EQ(json[1], json_of(reports[1]));
  EXPECT_TRUE(text.starts_with("[\n  {"));
  EXPECT_TRUE(text.ends_with("]"));
  // An array with one report is also an array.
  EXPECT_EQ(Json::parse(collected(print_json_array, std::span{reports}.first(1))).size(), 1U);
}

TEST(ReportJson, IsMadeOfEverySample) {
  for (const auto& sample : testing::sample_kernels()) {
    const auto json = json_of(make_report(sample.name, sample.bytes, kEverything));
    EXPECT_EQ(json["file"], sample.name);
    EXPECT_EQ(json["loadable"], sample.loadable) << sample.name;
    EXPECT_EQ(json.contains("load_plan"), sample.loadable) << sample.name;
    if (sample.error) {
      EXPECT_EQ(json["problems"][0]["code"], entry::Problem{.code = *sample.error}.name()) << sample.name;
    }
    EXPECT_EQ(json["relocations"]["entries"].size(), json["relocations"]["total"]) << sample.name;
  }
}

// ---- Output in pieces

TEST(ReportJson, IsWrittenPieceByPieceAsItWouldBeWhole) {
  for (const auto& sample : testing::sample_kernels()) {
    const auto report = make_report(sample.name, sample.bytes, kEverything);
    const auto text = collected(print_json, report);
    EXPECT_EQ(text, dump(Json::parse(text))) << sample.name;
  }
  const std::vector<Report> reports(2);
  const auto text = collected(print_json_array, std::span{reports});
  EXPECT_EQ(text, dump(Json::parse(text)));
}

}  // namespace
}  // namespace hermitage::inspect
