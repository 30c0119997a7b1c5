#include "hermitage/inspect/difference_json.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "hermitage/inspect/json.hpp"

namespace hermitage::inspect {
namespace {

auto bytes_json(const std::optional<ByteCount>& bytes) -> Json {
  return bytes ? Json{{"file", bytes->file}, {"zero", bytes->zero}} : Json(nullptr);
}

auto fact_json(const Fact& fact) -> Json {
  struct Visitor {
    auto operator()(std::monostate) const -> Json { return nullptr; }
    auto operator()(bool value) const -> Json { return value; }
    auto operator()(std::uint64_t value) const -> Json { return value; }
    auto operator()(const std::string& value) const -> Json { return value; }
  };
  return std::visit(Visitor{}, fact);
}

auto descriptor_json(const std::optional<Descriptor>& descriptor) -> Json {
  if (!descriptor) return nullptr;
  std::string text;
  for (const auto byte : *descriptor) text += fmt::format("{:02x}", static_cast<unsigned>(byte));
  return text;
}

void print_changes(std::string_view key, const std::vector<Change>& changes, JsonWriter& writer) {
  writer.open_array(key);
  for (const auto& change : changes) {
    writer.element({{"name", change.name}, {"before", bytes_json(change.before)}, {"after", bytes_json(change.after)}});
  }
  writer.close();
}

}  // namespace

void print_difference_json(const Difference& difference, const Sink& sink) {
  JsonWriter writer{sink};
  writer.open_object();
  writer.member("before", difference.before);
  writer.member("after", difference.after);
  writer.member("file_size", {{"before", difference.file_size_before}, {"after", difference.file_size_after}});
  writer.member("image",
                {{"before", bytes_json(difference.image_before)}, {"after", bytes_json(difference.image_after)}});
  writer.open_object("facts");
  for (const auto& [name, before, after] : difference.facts) {
    writer.member(name, {{"before", fact_json(before)}, {"after", fact_json(after)}});
  }
  writer.close();
  print_changes("segments", difference.segments, writer);
  print_changes("crates", difference.crates, writer);
  print_changes("symbols", difference.symbols, writer);
  writer.open_array("relocations");
  for (const auto& [name, before, after] : difference.relocations) {
    writer.element({{"type", name}, {"before", before}, {"after", after}});
  }
  writer.close();
  writer.open_array("notes");
  for (const auto& [name, type, before, after] : difference.notes) {
    writer.element(
        {{"name", name}, {"type", type}, {"before", descriptor_json(before)}, {"after", descriptor_json(after)}});
  }
  writer.close();
  writer.open_array("problems");
  for (const auto& problem : difference.problems) {
    writer.element({{"severity", entry::name(problem.severity)},
                    {"code", problem.code},
                    {"message", problem.message},
                    {"before", problem.before},
                    {"after", problem.after}});
  }
  writer.close();
  writer.close();
}

}  // namespace hermitage::inspect
