#include "hermitage/inspect/difference_text.hpp"

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "hermitage/inspect/page.hpp"
#include "hermitage/inspect/quantities.hpp"

namespace hermitage::inspect {
namespace {

// The number of rows of a brief list.
constexpr std::size_t kBriefRows = 24;
constexpr std::size_t kBriefName = 90;        // characters
constexpr std::size_t kBriefDescriptor = 16;  // bytes

// "+1,234", "-5", "0"
auto delta(std::uint64_t before, std::uint64_t after) -> std::string {
  if (before == after) return "0";
  return before < after ? "+" + grouped(after - before) : "-" + grouped(before - after);
}

auto text_of(const FactChange& change, const Fact& fact) -> std::string {
  const auto* const number = std::get_if<std::uint64_t>(&fact);
  const bool is_address = change.name == "start_addr" || change.name == "entry_point";
  if (number != nullptr && is_address) return hex(*number);
  struct Visitor {
    auto operator()(std::monostate) const -> std::string { return "none"; }
    auto operator()(bool value) const -> std::string { return value ? "yes" : "no"; }
    auto operator()(std::uint64_t value) const -> std::string { return grouped(value); }
    auto operator()(const std::string& value) const -> std::string { return cut_printable(value, kBriefName); }
  };
  return std::visit(Visitor{}, fact);
}

auto hex_bytes(const std::optional<Descriptor>& descriptor, std::size_t limit) -> std::string {
  if (!descriptor) return "none";
  std::string text;
  for (const auto byte : std::span{*descriptor}.first(std::min(descriptor->size(), limit))) {
    text += fmt::format("{:02x}", static_cast<unsigned>(byte));
  }
  return descriptor->size() > limit ? text + "…" : text.empty() ? "empty" : text;
}

class Writer {
 public:
  Writer(const Difference& difference, Extent extent, Page& page)
      : difference_{difference}, is_brief_{extent == Extent::brief}, page_{page} {}

  void print() {
    page_.print("{} → {}\n", printable(difference_.before), printable(difference_.after));
    print_totals();
    print_facts();
    print_changes("Segments", difference_.segments);
    print_changes("Crates", difference_.crates);
    print_changes("Symbols", difference_.symbols);
    print_relocations();
    print_notes();
    print_problems();
  }

 private:
  void print_totals() {
    const auto print_total = [this](std::string_view what, std::uint64_t before, std::uint64_t after) {
      page_.print("  {:<16} {:>14} → {:>14}  {}\n", what, grouped(before), grouped(after), delta(before, after));
    };
    print_total("File", difference_.file_size_before, difference_.file_size_after);
    print_total("Image, in file", difference_.image_before.file, difference_.image_after.file);
    print_total("Image, zeros", difference_.image_before.zero, difference_.image_after.zero);
  }

  // Prints a heading, and returns whether a list follows.
  auto begin(std::string_view what, std::size_t count) -> bool {
    page_.heading(count == 0 ? fmt::format("{}: no difference", what) : std::string{what});
    return count != 0;
  }

  [[nodiscard]] auto shown(std::size_t count) const -> std::size_t {
    return is_brief_ ? std::min(count, kBriefRows) : count;
  }

  void print_more(std::size_t count) {
    if (count > shown(count)) page_.print("  … and {} more: see --all\n", grouped(count - shown(count)));
  }

  void print_facts() {
    if (!begin("Facts", difference_.facts.size())) return;
    for (const auto& fact : difference_.facts) {
      page_.print("  {:<24} {} → {}\n", fact.name, text_of(fact, fact.before), text_of(fact, fact.after));
    }
  }

  static auto summary_of(std::string_view what, const std::vector<Change>& changes) -> std::string {
    std::size_t came = 0, went = 0, grew = 0, shrank = 0;
    for (const auto& change : changes) {
      const auto is_larger = change.total_after() > change.total_before();
      auto& count = !change.before ? came : !change.after ? went : is_larger ? grew : shrank;
      ++count;
    }
    return fmt::format("{}: {} grew, {} shrank, {} came, {} went", what, grouped(grew), grouped(shrank), grouped(came),
                       grouped(went));
  }

  void print_changes(std::string_view what, const std::vector<Change>& changes) {
    if (!begin(changes.empty() ? std::string{what} : summary_of(what, changes), changes.size())) return;
    page_.print("  {:>14} {:>14} {:>14} {:>14}\n", "in file", "zeros", "before", "after");
    for (const auto& change : std::span{changes}.first(shown(changes.size()))) {
      const auto before = change.before.value_or(ByteCount{});
      const auto after = change.after.value_or(ByteCount{});
      page_.print("  {:>14} {:>14} {:>14} {:>14}  {}\n", delta(before.file, after.file), delta(before.zero, after.zero),
                  change.before ? grouped(before.total()) : "none", change.after ? grouped(after.total()) : "none",
                  is_brief_ ? cut_printable(change.name, kBriefName) : printable(change.name));
    }
    print_more(changes.size());
  }

  void print_relocations() {
    const auto& relocations = difference_.relocations;
    if (!begin("Relocations", relocations.size())) return;
    for (const auto& [name, before, after] : std::span{relocations}.first(shown(relocations.size()))) {
      page_.print("  {:<24} {:>12} → {:>12}  {}\n", name, grouped(before), grouped(after), delta(before, after));
    }
    print_more(relocations.size());
  }

  void print_notes() {
    const auto& notes = difference_.notes;
    if (!begin("Notes", notes.size())) return;
    const auto limit = is_brief_ ? kBriefDescriptor : SIZE_MAX;
    for (const auto& note : std::span{notes}.first(shown(notes.size()))) {
      page_.print("  {:<8} {:>6}  {} → {}\n", is_brief_ ? cut_printable(note.name, kBriefName) : printable(note.name),
                  hex(note.type), hex_bytes(note.before, limit), hex_bytes(note.after, limit));
    }
    print_more(notes.size());
  }

  void print_problems() {
    if (!begin("Problems", difference_.problems.size())) return;
    for (const auto& problem : difference_.problems) {
      page_.print("  {:<7}  {} → {}  {}: {}\n", entry::name(problem.severity), problem.before, problem.after,
                  problem.code, printable(problem.message));
    }
  }

  const Difference& difference_;
  bool is_brief_;
  Page& page_;
};

}  // namespace

void print_difference(const Difference& difference, const Display& display, Extent extent, const Sink& sink) {
  Page page{display, sink};
  Writer{difference, extent, page}.print();
}

}  // namespace hermitage::inspect
