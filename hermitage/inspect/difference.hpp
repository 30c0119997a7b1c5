// The difference between two kernels.
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

// The data of a kernel for a comparison.
struct Subject {
  Report report;
  Sizes crates;
  Sizes functions;
};

// Makes the subject from the report of a kernel and its bytes, as in make_report().
[[nodiscard]] auto make_subject(Report report, std::span<const std::byte> kernel) -> Subject;

// The change of something with a size. Without `before`, it is new. Without `after`, it was removed.
struct Change {
  std::string name;
  std::optional<ByteCount> before;
  std::optional<ByteCount> after;

  [[nodiscard]] auto total_before() const -> std::uint64_t { return before.value_or(ByteCount{}).total(); }
  [[nodiscard]] auto total_after() const -> std::uint64_t { return after.value_or(ByteCount{}).total(); }
  // The number of bytes by which it grew or shrank.
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

// Monostate if the file does not state the fact.
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

// The change in the number of problems with one code.
struct ProblemChange {
  entry::Severity severity = entry::Severity::error;
  std::string code;
  std::string message;  // of the first problem in `after`, otherwise in `before`
  std::uint64_t before = 0;
  std::uint64_t after = 0;

  friend auto operator==(const ProblemChange&, const ProblemChange&) -> bool = default;
};

// Contains only differences. Changes in bytes are sorted, the largest first.
struct Difference {
  std::string before;  // names of the files
  std::string after;
  std::uint64_t file_size_before = 0;
  std::uint64_t file_size_after = 0;
  ByteCount image_before = {};
  ByteCount image_after = {};
  std::vector<FactChange> facts;
  std::vector<Change> segments;          // "PT_LOAD r-x"; the second with this name is "PT_LOAD r-x (2)"
  std::vector<Change> crates;            // includes kNoSymbol
  std::vector<Change> symbols;           // functions and data by their names without hashes
  std::vector<CountChange> relocations;  // by type
  std::vector<NoteChange> notes;
  std::vector<ProblemChange> problems;
};

// Takes as much time and memory as the reports and the sizes.
[[nodiscard]] auto compare(const Subject& before, const Subject& after) -> Difference;

}  // namespace hermitage::inspect
