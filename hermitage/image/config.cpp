#include "hermitage/image/config.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "hermitage/entry/quantity.hpp"
#include "hermitage/image/config_source.hpp"
#include "hermitage/image/path.hpp"
#include "hermitage/image/toml.hpp"

namespace hermitage::image {
namespace {

// toml++ recurses once for each part of a key such as a.b.c. Real keys have few parts.
constexpr int kMaxKeyParts = 16;

struct Place {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
};

auto place_of(const toml::source_region& region) -> Place {
  // A node without a position, such as the whole document, is at the beginning.
  return {.line = std::max<std::uint32_t>(region.begin.line, 1),
          .column = std::max<std::uint32_t>(region.begin.column, 1)};
}
auto place_of(const toml::node& node) -> Place {
  return place_of(node.source());
}

// Finds a key with too many parts without parsing: outside of strings and comments, only keys contain several dots.
class DottedKeys {
 public:
  explicit DottedKeys(std::string_view toml) : rest_{toml} {}

  auto find_too_long() -> std::optional<Place> {
    int dots = 0;
    while (!rest_.empty()) {
      const char c = rest_.front();
      if (c == '"' || c == '\'') {
        skip_text(c);
        continue;
      }
      if (c == '#') {
        skip(std::min(rest_.find('\n'), rest_.size()));
        continue;
      }
      if (c == '.' && ++dots >= kMaxKeyParts) return place_;
      if (std::string_view{"\n=,{}"}.contains(c)) dots = 0;
      skip(1);
    }
    return std::nullopt;
  }

 private:
  void skip(std::size_t count) {
    for (const char c : rest_.substr(0, count)) {
      const bool is_continuation = (static_cast<unsigned char>(c) & 0xc0) == 0x80;
      if (c == '\n') {
        place_ = {.line = place_.line + 1, .column = 1};
      } else if (!is_continuation) {
        ++place_.column;
      }
    }
    rest_.remove_prefix(std::min(count, rest_.size()));
  }

  // A quoted string; a single-line string ends at the end of the line at the latest.
  void skip_text(char quote) {
    const std::string fence(3, quote);
    const bool is_long = rest_.starts_with(fence);
    std::size_t at = is_long ? fence.size() : 1;
    while (at < rest_.size()) {
      if (rest_[at] == '\\' && quote == '"') {
        at += 2;
      } else if (is_long ? rest_.substr(at).starts_with(fence) : rest_[at] == quote) {
        at += is_long ? fence.size() : 1;
        // A multi-line string may contain two quotes before the closing ones.
        while (is_long && at < rest_.size() && rest_[at] == quote) ++at;
        break;
      } else if (!is_long && rest_[at] == '\n') {
        break;
      } else {
        ++at;
      }
    }
    skip(at);
  }

  std::string_view rest_;
  Place place_;
};

// Reads a parsed document, and keeps the first error.
class Reader {
 public:
  Reader(std::string_view file, std::vector<Problem>& warnings) : file_{file}, warnings_{warnings} {}

  auto read(const toml::table& root) -> std::expected<ConfigSource, Problem> {
    read_version(root);
    ConfigSource source;
    if (const auto* kernel = required(root, "kernel", "")) {
      source.config.kernel = text(*kernel, "kernel");
      if (source.config.kernel.empty()) {
        fail(ProblemCode::config_value, place_of(*kernel),
             "kernel is empty: it must be the path of a file in the image");
      }
      source.kernel_line = place_of(*kernel).line;
      source.kernel_column = place_of(*kernel).column;
    }
    if (const auto* input = required(root, "input", "")) read_input(*input, source.config);
    if (const auto* requirements = root.get("requirements")) read_requirements(*requirements, source.config);
    warn_of_others(root, "", std::array{"version", "kernel", "input", "requirements"});
    if (problem_) return std::unexpected{*std::move(problem_)};
    return source;
  }

 private:
  void read_version(const toml::table& root) {
    const auto* version = required(root, "version", "");
    if (version == nullptr) return;
    const auto value = text(*version, "version");
    if (value != "1") {
      fail(ProblemCode::config_value, place_of(*version), "version '" + value + "' is not supported; only \"1\" is");
    }
  }

  void read_input(const toml::node& node, Config& config) {
    const auto* input = table(node, "input");
    if (input == nullptr) return;
    if (const auto* args = required(*input, "kernel_args", "input.")) {
      config.kernel_args = texts(*args, "input.kernel_args");
    }
    if (const auto* args = required(*input, "app_args", "input.")) config.app_args = texts(*args, "input.app_args");
    if (const auto* variables = input->get("env_vars")) read_variables(*variables, config);
    warn_of_others(*input, "input.", std::array{"kernel_args", "app_args", "env_vars"});
  }

  void read_variables(const toml::node& node, Config& config) {
    config.env_vars = texts(node, "input.env_vars");
    std::erase_if(config.env_vars, [&](const std::string& variable) {
      const auto equals = variable.find('=');
      if (equals != std::string::npos && equals != 0) return false;
      warn(ProblemCode::ignored_variable, place_of(node),
           "'" + variable + "' in input.env_vars is not of the form KEY=value, and is ignored");
      return true;
    });
  }

  void read_requirements(const toml::node& node, Config& config) {
    const auto* requirements = table(node, "requirements");
    if (requirements == nullptr) return;
    if (const auto* memory = requirements->get("memory")) {
      const auto value = text(*memory, "requirements.memory");
      config.memory = entry::parse_quantity(value);
      if (!config.memory) {
        fail(ProblemCode::config_value, place_of(*memory),
             "requirements.memory '" + value + "' is not a size such as \"64 MiB\"");
      }
    }
    if (const auto* cpus = requirements->get("cpus")) {
      const auto value = cpus->value_exact<std::int64_t>();
      if (!value || *value < 0 || *value > UINT32_MAX) {
        fail(ProblemCode::config_value, place_of(*cpus),
             "requirements.cpus is not a whole number from 0 to 4294967295");
      } else {
        config.cpus = static_cast<std::uint32_t>(*value);
      }
    }
    warn_of_others(*requirements, "requirements.", std::array{"memory", "cpus"});
  }

  auto required(const toml::table& table, std::string_view key, std::string_view prefix) -> const toml::node* {
    const auto* node = table.get(key);
    if (node == nullptr) {
      fail(ProblemCode::config_key, place_of(table), "missing key " + std::string{prefix} + std::string{key});
    }
    return node;
  }

  auto table(const toml::node& node, std::string_view key) -> const toml::table* {
    const auto* table = node.as_table();
    if (table == nullptr) fail(ProblemCode::config_value, place_of(node), std::string{key} + " is not a table");
    return table;
  }

  auto text(const toml::node& node, const std::string& key) -> std::string {
    const auto* value = node.as_string();
    if (value == nullptr) {
      fail(ProblemCode::config_value, place_of(node), key + " is not a string");
      return {};
    }
    if (value->get().contains('\0')) {
      fail(ProblemCode::config_value, place_of(node), key + " contains a NUL");
    }
    return value->get();
  }

  auto texts(const toml::node& node, const std::string& key) -> std::vector<std::string> {
    std::vector<std::string> values;
    const auto* array = node.as_array();
    if (array == nullptr) {
      fail(ProblemCode::config_value, place_of(node), key + " is not an array of strings");
      return values;
    }
    if (array->size() > entry::kMaxConfigElements) {
      fail(ProblemCode::config_value, place_of(node),
           key + " has more than " + std::to_string(entry::kMaxConfigElements) + " elements (the limit)");
      return values;
    }
    for (const auto& element : *array) values.push_back(text(element, "an element of " + key));
    return values;
  }

  template <std::size_t Count>
  void warn_of_others(const toml::table& table, std::string_view prefix, const std::array<const char*, Count>& known) {
    for (const auto& [key, node] : table) {
      if (std::ranges::find(known, key.str()) != known.end()) continue;
      warn(ProblemCode::unknown_key, place_of(key.source()),
           "unknown key '" + std::string{prefix} + std::string{key.str()} + "', which is ignored");
    }
  }

  void fail(ProblemCode code, Place place, std::string why) {
    if (!problem_) problem_ = problem(code, place, std::move(why));
  }

  void warn(ProblemCode code, Place place, std::string why) {
    constexpr std::size_t kMaxWarnings = 64;
    if (++warned_ <= kMaxWarnings) warnings_.push_back(problem(code, place, std::move(why)));
  }

  [[nodiscard]] auto problem(ProblemCode code, Place place, std::string why) const -> Problem {
    return {
        .code = code, .file = std::string{file_}, .line = place.line, .column = place.column, .text = std::move(why)};
  }

  std::string_view file_;
  std::vector<Problem>& warnings_;
  std::size_t warned_ = 0;
  std::optional<Problem> problem_;
};

auto syntax_problem(std::string_view file, Place place, std::string_view why) -> Problem {
  return {.code = ProblemCode::config_syntax,
          .file = std::string{file},
          .line = place.line,
          .column = place.column,
          .text = std::string{why}};
}

void append_text(std::string& toml, std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  toml += '"';
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      toml += {'\\', c};
    } else if (code < 0x20 || code == 0x7f) {
      toml += {'\\', 'u', '0', '0', kDigits[code >> 4], kDigits[code & 15]};
    } else {
      toml += c;
    }
  }
  toml += '"';
}

void append_texts(std::string& toml, std::string_view key, const std::vector<std::string>& texts) {
  toml.append(key).append(" = [");
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (i != 0) toml += ", ";
    append_text(toml, texts[i]);
  }
  toml += "]\n";
}

// In the largest unit of which it is an integer multiple.
auto size_text(std::uint64_t size) -> std::string {
  constexpr std::array kUnits{"", " KiB", " MiB", " GiB", " TiB"};
  std::size_t unit = 0;
  for (; size != 0 && size % 1024 == 0 && unit + 1 < kUnits.size(); ++unit) size /= 1024;
  return std::to_string(size) + kUnits[unit];
}

}  // namespace

auto config_too_large(std::string_view file) -> Problem {
  return {.code = ProblemCode::config_size,
          .file = std::string{file},
          .text = "is larger than the limit of " + size_text(kMaxConfigSize) + ""};
}

auto read_config_source(std::string_view toml, std::vector<Problem>& warnings, std::string_view file)
    -> std::expected<ConfigSource, Problem> {
  if (toml.size() > kMaxConfigSize) return std::unexpected{config_too_large(file)};
  if (const auto place = DottedKeys{toml}.find_too_long()) {
    return std::unexpected{syntax_problem(file, *place, "a key with too many parts")};
  }
  const auto parsed = toml::parse(toml);
  if (!parsed) {
    const auto& error = parsed.error();
    return std::unexpected{syntax_problem(file, place_of(error.source()), error.description())};
  }
  return Reader{file, warnings}.read(parsed.table());
}

auto kernel_problem(const ConfigSource& source, bool is_directory, std::string_view file) -> Problem {
  const auto& path = source.config.kernel;
  const auto normalized = normalize_path(path);
  is_directory = is_directory || (normalized && normalized->empty());
  const auto* what = !normalized    ? "' is outside of the image"
                     : is_directory ? "' is a directory"
                                    : "' is not in the image";
  return {.code = is_directory ? ProblemCode::kernel_kind : ProblemCode::no_kernel,
          .file = std::string{file},
          .line = source.kernel_line,
          .column = source.kernel_column,
          .text = "the kernel '" + path + what};
}

auto parse_config(std::string_view toml, std::vector<Problem>& warnings, std::string_view file)
    -> std::expected<Config, Problem> {
  auto source = read_config_source(toml, warnings, file);
  if (!source) return std::unexpected{std::move(source.error())};
  return std::move(source->config);
}

auto to_toml(const Config& config) -> std::string {
  std::string toml = "version = \"1\"\nkernel = ";
  append_text(toml, config.kernel);
  toml += "\n\n[input]\n";
  append_texts(toml, "kernel_args", config.kernel_args);
  append_texts(toml, "app_args", config.app_args);
  append_texts(toml, "env_vars", config.env_vars);
  if (!config.memory && config.cpus == 0) return toml;
  toml += "\n[requirements]\n";
  if (config.memory) toml += "memory = \"" + size_text(*config.memory) + "\"\n";
  if (config.cpus != 0) toml += "cpus = " + std::to_string(config.cpus) + "\n";
  return toml;
}

}  // namespace hermitage::image
