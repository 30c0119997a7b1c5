#include "hermitage/inspect/difference.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "hermitage/inspect/quantities.hpp"

namespace hermitage::inspect {
namespace {

template <class Value>
struct Both {
  std::optional<Value> before;
  std::optional<Value> after;
};

// The values of both sides for a key.
template <class Key, class Value>
using Table = std::map<Key, Both<Value>>;

template <class Value>
auto side(Both<Value>& both, bool is_after) -> std::optional<Value>& {
  return is_after ? both.after : both.before;
}

// Calls add(subject, is_after) for each side.
template <class Add>
void for_both(const Subject& before, const Subject& after, Add add) {
  add(before, false);
  add(after, true);
}

auto changes_of(Table<std::string, ByteCount>& table) -> std::vector<Change> {
  std::vector<Change> changes;
  for (auto& [name, both] : table) {
    if (both.before != both.after) changes.push_back({.name = name, .before = both.before, .after = both.after});
  }
  std::ranges::stable_sort(changes, std::ranges::greater{}, &Change::size);
  return changes;
}

// Numbers things with the same name: "NAME", "NAME (2)", "NAME (3)" ….
class Numbered {
 public:
  auto name(const std::string& name) -> std::string {
    const auto number = ++counts_[name];
    return number == 1 ? name : fmt::format("{} ({})", name, number);
  }

 private:
  std::map<std::string, std::uint64_t> counts_;
};

auto compare_segments(const Subject& before, const Subject& after) -> std::vector<Change> {
  Table<std::string, ByteCount> table;
  for_both(before, after, [&](const Subject& subject, bool is_after) {
    Numbered numbered;
    for (const auto& segment : subject.report.segments) {
      const auto name = fmt::format("{} {}", segment_type_name(segment.type), flags_text(segment.flags));
      const auto zero = segment.memsz > segment.filesz ? segment.memsz - segment.filesz : 0;
      side(table[numbered.name(name)], is_after) = ByteCount{.file = segment.filesz, .zero = zero};
    }
  });
  return changes_of(table);
}

auto compare_sizes(const Subject& before, const Subject& after, Sizes Subject::* sizes) -> std::vector<Change> {
  Table<std::string, ByteCount> table;
  for_both(before, after, [&](const Subject& subject, bool is_after) {
    for (const auto& row : (subject.*sizes).rows) side(table[row.name], is_after) = row.bytes;
    const auto& unexplained = (subject.*sizes).unexplained;
    if (sizes == &Subject::crates && unexplained != ByteCount{}) {
      side(table[std::string{kNoSymbol}], is_after) = unexplained;
    }
  });
  return changes_of(table);
}

auto compare_relocations(const Subject& before, const Subject& after) -> std::vector<CountChange> {
  std::map<std::string, CountChange> table;
  for_both(before, after, [&](const Subject& subject, bool is_after) {
    for (const auto& [type, count] : subject.report.relocations.by_type) {
      auto& change = table[type];
      change.name = type;
      (is_after ? change.after : change.before) = count;
    }
  });
  std::vector<CountChange> changes;
  for (const auto& [type, change] : table) {
    if (change.before != change.after) changes.push_back(change);
  }
  return changes;
}

auto compare_notes(const Subject& before, const Subject& after) -> std::vector<NoteChange> {
  using Key = std::tuple<std::string, std::uint32_t, std::uint64_t>;  // name, type, number among equal ones
  Table<Key, Descriptor> table;
  for_both(before, after, [&](const Subject& subject, bool is_after) {
    std::map<std::pair<std::string, std::uint32_t>, std::uint64_t> counts;
    for (const auto& note : subject.report.notes) {
      const auto number = counts[{note.name, note.type}]++;
      side(table[Key{note.name, note.type, number}], is_after) = note.desc;
    }
  });
  std::vector<NoteChange> changes;
  for (auto& [key, both] : table) {
    if (both.before == both.after) continue;
    changes.push_back({.name = std::get<0>(key),
                       .type = std::get<1>(key),
                       .before = std::move(both.before),
                       .after = std::move(both.after)});
  }
  return changes;
}

auto compare_problems(const Subject& before, const Subject& after) -> std::vector<ProblemChange> {
  std::map<std::string, ProblemChange, std::less<>> table;
  for_both(before, after, [&](const Subject& subject, bool is_after) {
    for (const auto& problem : shown_problems(subject.report)) {
      auto& change = table[std::string{problem.code}];
      auto& count = is_after ? change.after : change.before;
      if (count++ != 0) continue;
      change.severity = problem.severity;
      change.code = problem.code;
      change.message = problem.message;
    }
  });
  std::vector<ProblemChange> changes;
  for (const auto& [code, change] : table) {
    if (change.before != change.after) changes.push_back(change);
  }
  std::ranges::stable_sort(changes, std::ranges::greater{}, &ProblemChange::severity);
  return changes;
}

template <class Value>
auto fact(const std::optional<Value>& value) -> Fact {
  if (!value) return {};
  if constexpr (std::is_same_v<Value, bool>) return *value;
  return std::uint64_t{*value};
}

auto fact(std::string_view text) -> Fact {
  if (text.empty()) return {};
  return std::string{text};
}

// The facts, with the names and the order of a report's JSON.
auto facts_of(const Report& report) -> std::vector<std::pair<std::string_view, Fact>> {
  const auto& version = report.hermit_version;
  const auto& interface = report.uhyve_interface;
  const auto& tls = report.tls;
  using Size = std::optional<std::uint64_t>;
  return {
      {"arch", fact(report.arch ? entry::name(*report.arch) : std::string_view{})},
      {"endian", fact(report.endian ? entry::name(*report.endian) : std::string_view{})},
      {"relocatable", fact(report.is_relocatable)},
      {"hermit_version", version ? Fact{std::string{version->text().view()}} : Fact{}},
      {"entry_version", fact(report.entry_version)},
      {"uhyve_interface_version", fact(interface ? Size{interface->value} : Size{})},
      {"mem_size", fact(report.mem_size)},
      {"start_addr", fact(report.start_addr)},
      {"entry_point", fact(report.entry_point)},
      {"entry_symbol", fact(report.entry_symbol)},
      {"tls.filesz", fact(tls ? Size{tls->filesz} : Size{})},
      {"tls.memsz", fact(tls ? Size{tls->memsz} : Size{})},
      {"symbols.dynamic", fact(Size{report.symbols.dynamic})},
      {"symbols.table", fact(Size{report.symbols.table})},
      {"loadable", report.loadable},
  };
}

auto compare_facts(const Report& before, const Report& after) -> std::vector<FactChange> {
  auto old_facts = facts_of(before);
  auto new_facts = facts_of(after);
  std::vector<FactChange> changes;
  for (std::size_t i = 0; i < old_facts.size(); ++i) {
    auto& [name, old_fact] = old_facts[i];
    auto& new_fact = new_facts[i].second;
    if (old_fact == new_fact) continue;
    changes.push_back({.name = std::string{name}, .before = std::move(old_fact), .after = std::move(new_fact)});
  }
  return changes;
}

}  // namespace

auto make_subject(Report report, std::span<const std::byte> kernel) -> Subject {
  auto crates = make_sizes(report.file, kernel, SizesBy::crate);
  auto functions = make_sizes(report.file, kernel, SizesBy::function);
  return {.report = std::move(report), .crates = std::move(crates), .functions = std::move(functions)};
}

auto compare(const Subject& before, const Subject& after) -> Difference {
  return {.before = before.report.file,
          .after = after.report.file,
          .file_size_before = before.crates.file_size,
          .file_size_after = after.crates.file_size,
          .image_before = before.crates.image,
          .image_after = after.crates.image,
          .facts = compare_facts(before.report, after.report),
          .segments = compare_segments(before, after),
          .crates = compare_sizes(before, after, &Subject::crates),
          .symbols = compare_sizes(before, after, &Subject::functions),
          .relocations = compare_relocations(before, after),
          .notes = compare_notes(before, after),
          .problems = compare_problems(before, after)};
}

}  // namespace hermitage::inspect
