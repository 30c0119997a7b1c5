#include "hermitage/inspect/stacks.hpp"

#include <algorithm>
#include <cstddef>
#include <unordered_map>

#include <fmt/format.h>

#include "hermitage/inspect/json.hpp"
#include "hermitage/inspect/quantities.hpp"

namespace hermitage::inspect {
namespace {

// The numbers of names, in the order of their first use.
class NameTable {
 public:
  auto number_of(std::string_view name) -> std::size_t {
    const auto [entry, is_new] = numbers_.try_emplace(name, names_.size());
    if (is_new) names_.push_back(name);
    return entry->second;
  }
  [[nodiscard]] auto names() const -> const std::vector<std::string_view>& { return names_; }

 private:
  std::unordered_map<std::string_view, std::size_t> numbers_;
  std::vector<std::string_view> names_;
};

}  // namespace

void print_folded(std::span<const NamedStack> stacks, const Sink& sink) {
  for (const auto& stack : stacks) {
    std::string line;
    for (const auto frame : stack.frames) {
      auto name = printable(frame);
      std::ranges::replace(name, ';', ':');
      line += (line.empty() ? "" : ";") + name;
    }
    sink(fmt::format("{} {}\n", line, stack.samples));
  }
}

void print_speedscope(std::span<const NamedStack> stacks, const ProfileTitle& title, const Sink& sink) {
  NameTable names;
  auto samples = Json::array();
  auto weights = Json::array();
  double total = 0;
  for (const auto& stack : stacks) {
    auto numbers = Json::array();
    for (const auto frame : stack.frames) numbers.push_back(names.number_of(frame));
    samples.push_back(std::move(numbers));
    const auto milliseconds = 1000 * static_cast<double>(stack.samples) / static_cast<double>(title.rate);
    weights.push_back(milliseconds);
    total += milliseconds;
  }
  auto frames = Json::array();
  for (const auto name : names.names()) frames.push_back({{"name", name}});
  const Json document{{"$schema", "https://www.speedscope.app/file-format-schema.json"},
                      {"exporter", "hermitage"},
                      {"name", title.name},
                      {"shared", {{"frames", std::move(frames)}}},
                      {"profiles", Json::array({{{"type", "sampled"},
                                                 {"name", title.name},
                                                 {"unit", "milliseconds"},
                                                 {"startValue", 0},
                                                 {"endValue", total},
                                                 {"samples", std::move(samples)},
                                                 {"weights", std::move(weights)}}})}};
  sink(document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace hermitage::inspect
