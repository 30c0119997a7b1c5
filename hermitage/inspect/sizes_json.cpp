#include "hermitage/inspect/sizes_json.hpp"

#include <string_view>
#include <vector>

#include "hermitage/inspect/json.hpp"

namespace hermitage::inspect {
namespace {

void print_parts(std::string_view key, const std::vector<SizePart>& parts, JsonWriter& writer) {
  writer.open_array(key);
  for (const auto& part : parts) {
    writer.element({{"name", part.name}, {"file", part.bytes.file}, {"zero", part.bytes.zero}});
  }
  writer.close();
}

void print(const Sizes& sizes, JsonWriter& writer) {
  writer.open_object();
  writer.member("file", sizes.file);
  writer.member("by", name(sizes.by));
  writer.member("file_size", sizes.file_size);
  writer.member("image", {{"file", sizes.image.file}, {"zero", sizes.image.zero}});
  writer.open_array("rows");
  for (const auto& row : sizes.rows) {
    writer.element({{"name", row.name}, {"file", row.bytes.file}, {"zero", row.bytes.zero}, {"symbols", row.symbols}});
  }
  writer.close();
  writer.open_object("unexplained");
  writer.member("file", sizes.unexplained.file);
  writer.member("zero", sizes.unexplained.zero);
  print_parts("sections", sizes.unexplained_sections, writer);
  writer.close();
  writer.open_object("not_loaded");
  writer.member("size", sizes.not_loaded);
  writer.open_array("sections");
  for (const auto& part : sizes.not_loaded_sections) {
    writer.element({{"name", part.name}, {"size", part.bytes.file}});
  }
  writer.close();
  writer.close();
  writer.member("left_out", sizes.left_out);
  writer.close();
}

}  // namespace

void print_sizes_json(const Sizes& sizes, const Sink& sink) {
  JsonWriter writer{sink};
  print(sizes, writer);
}

void print_sizes_json_array(std::span<const Sizes> sizes, const Sink& sink) {
  JsonWriter writer{sink};
  writer.open_array();
  for (const auto& one : sizes) print(one, writer);
  writer.close();
}

}  // namespace hermitage::inspect
