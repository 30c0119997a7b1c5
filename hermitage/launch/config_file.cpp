#include "hermitage/launch/config_file.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "hermitage/image/toml.hpp"
#include "hermitage/launch/kernel_source.hpp"

namespace hermitage::launch {
namespace {

using Outcome = OrFailure<void>;

auto wrong_file(std::string subject, std::string text) -> std::unexpected<Failure> {
  return std::unexpected{Failure{.code = Failure::Code::usage, .subject = std::move(subject), .text = std::move(text)}};
}

auto at(const std::string& path, const toml::source_region& source, std::string_view message)
    -> std::unexpected<Failure> {
  return wrong_file(fmt::format("{}:{}:{}", path, source.begin.line, source.begin.column), std::string{message});
}

// One section of the file. Keys that are read are recorded; the others are reported as unknown at the end.
class Section {
 public:
  Section(const std::string& path, const toml::table& table) : path_{path}, table_{table} {}

  template <class Value>
  auto take(std::string_view key, std::optional<Value>& option) -> Outcome {
    const auto* const node = find(key);
    if (node == nullptr) return {};
    const auto value = node->value_exact<Value>();
    if (!value) return at(path_, node->source(), fmt::format("'{}' has the wrong type", key));
    if (!option) option = value;
    return {};
  }

  auto take(std::string_view key, bool& option) -> Outcome {
    std::optional<bool> value;
    auto taken = take(key, value);
    option = option || value.value_or(false);
    return taken;
  }

  auto take(std::string_view key, std::optional<std::uint32_t>& option) -> Outcome {
    std::optional<std::int64_t> value;
    if (auto taken = take(key, value); !taken || !value) return taken;
    if (*value < 0 || *value > std::numeric_limits<std::uint32_t>::max()) {
      return at(path_, find(key)->source(), fmt::format("'{}' is out of range", key));
    }
    if (!option) option = static_cast<std::uint32_t>(*value);
    return {};
  }

  auto take_port(std::string_view key, std::optional<std::string>& option) -> Outcome {
    std::optional<std::uint32_t> port;
    if (auto taken = take(key, port); !taken || !port) return taken;
    if (*port > std::numeric_limits<std::uint16_t>::max()) {
      return at(path_, find(key)->source(), fmt::format("'{}' is out of range", key));
    }
    if (!option) option = std::to_string(*port);
    return {};
  }

  // A list of strings or numbers, joined by commas; or one string.
  auto take_list(std::string_view key, std::optional<std::string>& option) -> Outcome {
    const auto* const node = find(key);
    if (node == nullptr) return {};
    const auto* const array = node->as_array();
    if (array == nullptr) return take(key, option);
    std::string list;
    for (const auto& item : *array) {
      const auto number = item.value_exact<std::int64_t>();
      if (!number) return at(path_, item.source(), fmt::format("'{}' contains an element that is not a number", key));
      list += fmt::format("{}{}", list.empty() ? "" : ",", *number);
    }
    if (!option) option = list;
    return {};
  }

  auto take_texts(std::string_view key, std::vector<std::string>& texts) -> Outcome {
    const auto* const node = find(key);
    if (node == nullptr) return {};
    const auto* const array = node->as_array();
    if (array == nullptr) return at(path_, node->source(), fmt::format("'{}' is not a list", key));
    for (const auto& item : *array) {
      const auto text = item.value_exact<std::string>();
      if (!text) return at(path_, item.source(), fmt::format("'{}' contains an element that is not a string", key));
      texts.push_back(*text);
    }
    return {};
  }

  void warn_of_rest(std::string_view section, std::vector<std::string>& warnings) const {
    for (const auto& [key, node] : table_) {
      if (std::ranges::find(known_, key.str()) != known_.end()) continue;
      warnings.push_back(fmt::format("{}:{}:{}: unknown key '{}' in [{}]", path_, node.source().begin.line,
                                     node.source().begin.column, key.str(), section));
    }
  }

 private:
  auto find(std::string_view key) -> const toml::node* {
    known_.emplace_back(key);
    return table_.get(key);
  }

  const std::string& path_;
  const toml::table& table_;
  std::vector<std::string> known_;
};

auto all_of(std::initializer_list<std::function<Outcome()>> steps) -> Outcome {
  for (const auto& step : steps) {
    if (auto outcome = step(); !outcome) return outcome;
  }
  return {};
}

auto take_uhyve(Section& section, LaunchOptions& options) -> Outcome {
  return all_of(
      {[&] { return section.take("output", options.output); }, [&] { return section.take("stats", options.stats); },
       [&] { return section.take("timeline", options.timeline); },
       [&] { return section.take("profile", options.profile); },
       [&] { return section.take("profile_rate", options.profile_rate); },
       [&] { return section.take("tempdir", options.tempdir); },
       [&] { return section.take("hermit_image_mode", options.image_mode); },
       [&] { return section.take("file_isolation", options.file_isolation); },
       [&] { return section.take("io_mode", options.io_mode); }, [&] { return section.take("net", options.net); },
       [&] { return section.take_texts("publish", options.publish); },
       [&] { return section.take_port("gdb_port", options.gdb); }});
}

auto take_memory(Section& section, LaunchOptions& options) -> Outcome {
  return all_of({[&] { return section.take("memory_size", options.memory_size); },
                 [&] { return section.take("no_aslr", options.no_aslr); },
                 [&] { return section.take("thp", options.huge_pages); },
                 [&] { return section.take("ksm", options.merges_pages); }});
}

auto take_cpu(Section& section, LaunchOptions& options) -> Outcome {
  return all_of({[&] { return section.take("cpu_count", options.cpu_count); },
                 [&] { return section.take("cpu_pm", options.manages_power); },
                 [&] { return section.take_list("affinity", options.affinity); },
                 [&] { return section.take("pit", options.timer); }});
}

auto take_guest(Section& section, LaunchOptions& options) -> Outcome {
  std::vector<std::string> variables;
  auto taken = section.take_texts("env_vars", variables);
  options.env_vars.insert(options.env_vars.begin(), variables.begin(), variables.end());
  return taken;
}

}  // namespace

auto read_config_file(const std::string& path, std::vector<std::string>& warnings) -> OrFailure<LaunchOptions> {
  const auto bytes = read_file(path);
  if (!bytes) return wrong_file(path, bytes.error().text);
  const auto parsed = toml::parse(std::string_view{reinterpret_cast<const char*>(bytes->data()), bytes->size()});
  if (!parsed) return at(path, parsed.error().source(), parsed.error().description());

  LaunchOptions options;
  using Taker = Outcome (*)(Section&, LaunchOptions&);
  constexpr std::pair<std::string_view, Taker> kSections[] = {
      {"uhyve", take_uhyve}, {"memory", take_memory}, {"cpu", take_cpu}, {"guest", take_guest}};
  for (const auto& [key, node] : parsed.table()) {
    const auto* const known = std::ranges::find(kSections, key.str(), &std::pair<std::string_view, Taker>::first);
    if (known == std::end(kSections)) {
      const auto what = node.is_table() ? fmt::format("section [{}]", key.str()) : fmt::format("key '{}'", key.str());
      warnings.push_back(
          fmt::format("{}:{}:{}: unknown {}", path, node.source().begin.line, node.source().begin.column, what));
      continue;
    }
    const auto* const table = node.as_table();
    if (table == nullptr) return at(path, node.source(), fmt::format("'{}' is not a section", key.str()));
    Section section{path, *table};  // NOLINT(misc-const-correctness): take() changes it
    if (auto taken = known->second(section, options); !taken) return std::unexpected{taken.error()};
    section.warn_of_rest(key.str(), warnings);
  }
  return options;
}

}  // namespace hermitage::launch
