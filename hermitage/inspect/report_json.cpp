#include "hermitage/inspect/report_json.hpp"

#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include "hermitage/inspect/json.hpp"
#include "hermitage/inspect/quantities.hpp"

namespace hermitage::inspect {
namespace {

auto format_name(const Report& report) -> std::string_view {
  return report.image ? "image" : entry::name(report.format);
}

auto action_name(entry::LoadStep::Action action) -> std::string_view {
  switch (action) {
    case entry::LoadStep::Action::map: return "map";
    case entry::LoadStep::Action::copy: return "copy";
    case entry::LoadStep::Action::zero: break;
  }
  return "zero";
}

auto permissions_text(entry::Permissions permissions) -> std::string {
  return {permissions.read ? 'r' : '-', permissions.write ? 'w' : '-', permissions.execute ? 'x' : '-'};
}

auto hex_digits(std::span<const std::byte> bytes) -> std::string {
  std::string text;
  for (const auto byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned>(byte));
  return text;
}

template <class T>
auto or_null(const std::optional<T>& value) -> Json {
  return value ? Json(*value) : Json(nullptr);
}

auto tls_json(const std::optional<entry::elf::Segment>& tls) -> Json {
  if (!tls) return nullptr;
  return {{"start", tls->vaddr}, {"filesz", tls->filesz}, {"memsz", tls->memsz}, {"align", tls->align}};
}

void print_segments(const Report& report, JsonWriter& writer) {
  writer.open_array("segments");
  for (const auto& segment : report.segments) {
    writer.element({{"type", segment_type_name(segment.type)},
                    {"offset", segment.offset},
                    {"vaddr", segment.vaddr},
                    {"filesz", segment.filesz},
                    {"memsz", segment.memsz},
                    {"flags", flags_text(segment.flags)},
                    {"align", segment.align}});
  }
  writer.close();
}

void print_notes(const Report& report, JsonWriter& writer) {
  writer.open_array("notes");
  for (const auto& note : report.notes) {
    writer.element({{"name", note.name},
                    {"type", note.type},
                    {"desc", hex_digits(note.desc)},
                    {"offset", note.offset},
                    {"truncated", note.is_truncated}});
  }
  writer.close();
}

void print_relocations(const Report& report, JsonWriter& writer) {
  auto by_type = Json::object();
  for (const auto& [type, count] : report.relocations.by_type) by_type[type] = count;
  writer.open_object("relocations");
  writer.member("total", report.relocations.total);
  writer.member("by_type", by_type);
  if (report.details.relocations) {
    writer.open_array("entries");
    for (const auto& entry : report.relocations.entries) {
      writer.element({{"offset", entry.offset},
                      {"type", entry.type},
                      {"symbol", entry.symbol},
                      {"symbol_name", entry.symbol_name},
                      {"addend", entry.addend},
                      {"truncated", entry.is_truncated}});
    }
    writer.close();
  }
  writer.close();
}

void print_symbols(const Report& report, JsonWriter& writer) {
  writer.open_object("symbols");
  writer.member("total", report.symbols.total());
  writer.member("dynamic", report.symbols.dynamic);
  writer.member("table", report.symbols.table);
  if (report.details.symbols) {
    writer.open_array("entries");
    for (const auto& entry : report.symbols.entries) {
      writer.element({{"value", entry.value},
                      {"size", entry.size},
                      {"name", entry.name},
                      {"demangled", entry.demangled},
                      {"dynamic", entry.is_dynamic},
                      {"undefined", entry.is_undefined},
                      {"weak", entry.is_weak},
                      {"truncated", entry.is_truncated}});
    }
    writer.close();
  }
  writer.close();
}

auto problems_json(const Report& report) -> Json {
  auto array = Json::array();
  for (const auto& problem : shown_problems(report)) {
    array.push_back({{"severity", entry::name(problem.severity)},
                     {"code", problem.code},
                     {"message", problem.message},
                     {"offset", or_null(problem.offset)}});
  }
  return array;
}

void print_sections(const Report& report, JsonWriter& writer) {
  writer.open_array("sections");
  for (const auto& [name, section, is_truncated] : report.sections) {
    writer.element({{"name", name},
                    {"type", section.type},
                    {"flags", section.flags},
                    {"addr", section.addr},
                    {"offset", section.offset},
                    {"size", section.size},
                    {"link", section.link},
                    {"info", section.info},
                    {"addralign", section.addralign},
                    {"entsize", section.entsize},
                    {"truncated", is_truncated}});
  }
  writer.close();
  writer.open_array("dynamic");
  for (const auto& entry : report.dynamic) writer.element({{"tag", entry.tag}, {"value", entry.value}});
  writer.close();
}

void print_load_plan(const Report& report, JsonWriter& writer) {
  writer.open_object("load_plan");
  writer.member("start_addr", *report.load_plan_start);
  writer.member("page_size", kPageSize);
  writer.open_array("steps");
  for (const auto& step : report.load_plan) {
    const bool is_from_file = step.action != entry::LoadStep::Action::zero;
    writer.element({{"action", action_name(step.action)},
                    {"memory_offset", step.memory_offset},
                    {"size", step.size},
                    {"file_offset", is_from_file ? Json(step.file_offset.value) : Json(nullptr)},
                    {"flags", permissions_text(step.permissions)},
                    {"relocated_pages", step.relocated_pages}});
  }
  writer.close();
  writer.close();
}

void print_report(const Report& report, JsonWriter& writer) {
  auto boot_protocols = Json::array();
  for (const auto protocol : report.boot_protocols) boot_protocols.push_back(entry::name(protocol));
  const auto& version = report.hermit_version;

  writer.open_object();
  writer.member("file", report.file);
  writer.member("format", format_name(report));
  writer.member("config", report.image ? config_json(report.image->config) : Json(nullptr));
  writer.member("arch", report.arch ? Json(entry::name(*report.arch)) : Json(nullptr));
  writer.member("endian", report.endian ? Json(entry::name(*report.endian)) : Json(nullptr));
  writer.member("relocatable", or_null(report.is_relocatable));
  writer.member("hermit_version", version ? Json(version->text().view()) : Json(nullptr));
  writer.member("entry_version", or_null(report.entry_version));
  writer.member("uhyve_interface_version",
                report.uhyve_interface ? Json(report.uhyve_interface->value) : Json(nullptr));
  writer.member("mem_size", or_null(report.mem_size));
  writer.member("start_addr", or_null(report.start_addr));
  writer.member("entry_point", or_null(report.entry_point));
  writer.member("entry_symbol", report.entry_symbol.empty() ? Json(nullptr) : Json(report.entry_symbol));
  writer.member("tls", tls_json(report.tls));
  writer.member("boot_protocols", boot_protocols);
  print_segments(report, writer);
  print_notes(report, writer);
  print_relocations(report, writer);
  print_symbols(report, writer);
  if (report.details.sections) print_sections(report, writer);
  if (report.load_plan_start) print_load_plan(report, writer);
  writer.member("loadable", report.loadable);
  writer.member("problems", problems_json(report));
  writer.close();
}

}  // namespace

void print_json(const Report& report, const Sink& sink) {
  JsonWriter writer{sink};
  print_report(report, writer);
}

void print_json_array(std::span<const Report> reports, const Sink& sink) {
  JsonWriter writer{sink};
  writer.open_array();
  for (const auto& report : reports) print_report(report, writer);
  writer.close();
}

auto config_json(const image::Config& config) -> Json {
  return {{"kernel", config.kernel},     {"kernel_args", config.kernel_args}, {"app_args", config.app_args},
          {"env_vars", config.env_vars}, {"memory", or_null(config.memory)},  {"cpus", config.cpus}};
}

}  // namespace hermitage::inspect
