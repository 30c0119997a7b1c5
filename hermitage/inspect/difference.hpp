// What is different in two kernels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "hermitage/inspect/report.hpp"
#include "hermitage/inspect/sizes.hpp"

namespace hermitage::inspect {

// What is compared of a kernel.
struct Subject {
  Report report;
  Sizes crates;
  Sizes functions;
};

// Of the kernel's bytes, as make_report() takes them, and the report of them.
[[nodiscard]] auto make_subject(Report report, std::span<const std::byte> kernel) -> Subject;

// Something with bytes. Without `before` it came, without `after` it went.
struct Change {
  std::string name;
  std::optional<ByteCount> before;
  std::optional<ByteCount> after;

  [[nodiscard]] auto total_before() const -> std::uint64_t { return before.value_or(ByteCount{}).total(); }
  [[nodiscard]] auto total_after() const -> std::uint64_t { return after.value_or(ByteCount{}).total(); }
  // How many bytes it grew or shrank by.
  [[nodiscard]] auto size() const -> std::uint64_t {
    return total_after() > total_before() ? total_after() - total_before() : total_before() - total_after();
  }
  friend auto operator==(const Change&, const Change&) -> bool = default;
};

struct CountChange {
  std::string name;
  std::uint64_t before = 0;
  std::uint64_t after = 0;

  friend auto operator==(const CountChange&, const CountChange&) -> bool = default;
};

// Nothing where a file does not say.
using Fact = std::variant<std::monostate, bool, std::uint64_t, std::string>;

struct FactChange {
  std::string name;  // as in the JSON of a report
  Fact before;
  Fact after;

  friend auto operator==(const FactChange&, const FactChange&) -> bool = default;
};

using Descriptor = std::vector<std::byte>;

struct NoteChange {
  std::string name;
  std::uint32_t type = 0;
  std::optional<Descriptor> before;
  std::optional<Descriptor> after;

  friend auto operator==(const NoteChange&, const NoteChange&) -> bool = default;
};

// Problems of one code.
struct ProblemChange {
  entry::Severity severity = entry::Severity::error;
  std::string code;
  std::string message;  // of the first there is, after or else before
  std::uint64_t before = 0;
  std::uint64_t after = 0;

  friend auto operator==(const ProblemChange&, const ProblemChange&) -> bool = default;
};

// Only what differs is listed; of bytes, the largest change first.
struct Difference {
  std::string before;  // names of files
  std::string after;
  std::uint64_t file_size_before = 0;
  std::uint64_t file_size_after = 0;
  ByteCount image_before = {};
  ByteCount image_after = {};
  std::vector<FactChange> facts;
  std::vector<Change> segments;          // "PT_LOAD r-x"; of several alike, the second is "PT_LOAD r-x (2)"
  std::vector<Change> crates;            // with kNoSymbol
  std::vector<Change> symbols;           // functions and data by their names without hashes
  std::vector<CountChange> relocations;  // by type
  std::vector<NoteChange> notes;
  std::vector<ProblemChange> problems;
};

// Takes time and memory as the reports and sizes do.
[[nodiscard]] auto compare(const Subject& before, const Subject& after) -> Difference;

}  // namespace hermitage::inspect
