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

auto segments_json(const Report& report) -> Json {
  auto array = Json::array();
  for (const auto& segment : report.segments) {
    array.push_back({{"type", segment_type_name(segment.type)},
                     {"offset", segment.offset},
                     {"vaddr", segment.vaddr},
                     {"filesz", segment.filesz},
                     {"memsz", segment.memsz},
                     {"flags", flags_text(segment.flags)},
                     {"align", segment.align}});
  }
  return array;
}

auto notes_json(const Report& report) -> Json {
  auto array = Json::array();
  for (const auto& note : report.notes) {
    array.push_back(
        {{"name", note.name}, {"type", note.type}, {"desc", hex_digits(note.desc)}, {"offset", note.offset}});
  }
  return array;
}

auto relocations_json(const Report& report) -> Json {
  Json object{{"total", report.relocations.total}, {"by_type", Json::object()}};
  for (const auto& [type, count] : report.relocations.by_type) object["by_type"][type] = count;
  if (!report.details.relocations) return object;
  auto& entries = object["entries"] = Json::array();
  for (const auto& entry : report.relocations.entries) {
    entries.push_back({{"offset", entry.offset},
                       {"type", entry.type},
                       {"symbol", entry.symbol},
                       {"symbol_name", entry.symbol_name},
                       {"addend", entry.addend}});
  }
  return object;
}

auto symbols_json(const Report& report) -> Json {
  Json object{{"total", report.symbols.total()}, {"dynamic", report.symbols.dynamic}, {"table", report.symbols.table}};
  if (!report.details.symbols) return object;
  auto& entries = object["entries"] = Json::array();
  for (const auto& entry : report.symbols.entries) {
    entries.push_back({{"value", entry.value},
                       {"size", entry.size},
                       {"name", entry.name},
                       {"demangled", entry.demangled},
                       {"dynamic", entry.is_dynamic},
                       {"undefined", entry.is_undefined},
                       {"weak", entry.is_weak}});
  }
  return object;
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

auto sections_json(const Report& report) -> Json {
  auto array = Json::array();
  for (const auto& [name, section] : report.sections) {
    array.push_back({{"name", name},
                     {"type", section.type},
                     {"flags", section.flags},
                     {"addr", section.addr},
                     {"offset", section.offset},
                     {"size", section.size},
                     {"link", section.link},
                     {"info", section.info},
                     {"addralign", section.addralign},
                     {"entsize", section.entsize}});
  }
  return array;
}

auto dynamic_json(const Report& report) -> Json {
  auto array = Json::array();
  for (const auto& entry : report.dynamic) array.push_back({{"tag", entry.tag}, {"value", entry.value}});
  return array;
}

auto load_plan_json(const Report& report) -> Json {
  Json object{{"start_addr", *report.load_plan_start}, {"page_size", kPageSize}, {"steps", Json::array()}};
  for (const auto& step : report.load_plan) {
    const bool is_from_file = step.action != entry::LoadStep::Action::zero;
    object["steps"].push_back({{"action", action_name(step.action)},
                               {"memory_offset", step.memory_offset},
                               {"size", step.size},
                               {"file_offset", is_from_file ? Json(step.file_offset.value) : Json(nullptr)},
                               {"flags", permissions_text(step.permissions)},
                               {"relocated_pages", step.relocated_pages}});
  }
  return object;
}

auto report_json(const Report& report) -> Json {
  auto boot_protocols = Json::array();
  for (const auto protocol : report.boot_protocols) boot_protocols.push_back(entry::name(protocol));

  Json object;
  object["file"] = report.file;
  object["format"] = format_name(report);
  object["config"] = report.image ? config_json(report.image->config) : Json(nullptr);
  object["arch"] = report.arch ? Json(entry::name(*report.arch)) : Json(nullptr);
  object["endian"] = report.endian ? Json(entry::name(*report.endian)) : Json(nullptr);
  object["relocatable"] = or_null(report.is_relocatable);
  object["hermit_version"] = report.hermit_version ? Json(report.hermit_version->text().view()) : Json(nullptr);
  object["entry_version"] = or_null(report.entry_version);
  object["uhyve_interface_version"] = report.uhyve_interface ? Json(report.uhyve_interface->value) : Json(nullptr);
  object["mem_size"] = or_null(report.mem_size);
  object["start_addr"] = or_null(report.start_addr);
  object["entry_point"] = or_null(report.entry_point);
  object["entry_symbol"] = report.entry_symbol.empty() ? Json(nullptr) : Json(report.entry_symbol);
  object["tls"] = tls_json(report.tls);
  object["boot_protocols"] = std::move(boot_protocols);
  object["segments"] = segments_json(report);
  object["notes"] = notes_json(report);
  object["relocations"] = relocations_json(report);
  object["symbols"] = symbols_json(report);
  if (report.details.sections) {
    object["sections"] = sections_json(report);
    object["dynamic"] = dynamic_json(report);
  }
  if (report.load_plan_start) object["load_plan"] = load_plan_json(report);
  object["loadable"] = report.loadable;
  object["problems"] = problems_json(report);
  return object;
}

}  // namespace

auto to_json(const Report& report) -> std::string {
  return dump(report_json(report));
}

auto to_json(std::span<const Report> reports) -> std::string {
  auto array = Json::array();
  for (const auto& report : reports) array.push_back(report_json(report));
  return dump(array);
}

auto config_json(const image::Config& config) -> Json {
  return {{"kernel", config.kernel},     {"kernel_args", config.kernel_args}, {"app_args", config.app_args},
          {"env_vars", config.env_vars}, {"memory", or_null(config.memory)},  {"cpus", config.cpus}};
}

}  // namespace hermitage::inspect
