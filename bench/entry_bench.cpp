// Measures the time of parsing and loading with this library and with hermit-entry, and compares it with that of the
// necessary minimum.
//
// Accepts the flags of Google Benchmark. README.md describes the benchmarks.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/mapping.hpp"
#include "bench/subject.hpp"

namespace hermitage::bench {
namespace {

// Many short repetitions in random order distribute the host's other load over all benchmarks. The caller's flags
// come later and have precedence.
constexpr const char* kDefaultFlags[] = {
    "--benchmark_enable_random_interleaving=true",
    "--benchmark_repetitions=101",
    "--benchmark_min_time=0.005",
    "--benchmark_report_aggregates_only=true",
};

constexpr std::string_view kHere = "hermitage";
constexpr std::string_view kThere = "hermit-entry";

auto benchmark_name(std::string_view what, std::string_view image, std::string_view who) -> std::string {
  return who.empty() ? fmt::format("{}/{}", what, image) : fmt::format("{}/{}/{}", what, image, who);
}

template <class Operation>
void add(const Subject& subject, std::string_view what, std::string_view who, Operation operation) {
  const auto run = [operation](benchmark::State& state) {
    for (auto _ : state) {
      if (!operation()) {
        state.SkipWithError("failed");
        return;
      }
      benchmark::ClobberMemory();
    }
  };
  benchmark::RegisterBenchmark(benchmark_name(what, subject.name, who).c_str(), run)->Unit(benchmark::kMicrosecond);
}

// Uses new memory each time. The time includes its allocation and release.
template <class Operation>
void add_fresh(const Subject& subject, std::string_view what, std::string_view who, Operation operation) {
  add(subject, what, who, [&subject, operation] {
    const Mapping memory{subject.kernel.mem_size()};
    return operation(memory);
  });
}

void add_here(const Subject& subject) {
  add(subject, "parse", kHere, [&subject] { return parse_here(subject); });
  add(subject, "load_warm", kHere, [&subject] { return load_here(subject, subject.memory, false); });
  add_fresh(subject, "load_fresh", kHere,
            [&subject](const Mapping& memory) { return load_here(subject, memory, true); });
  add_fresh(subject, "load_fresh_touched", kHere,
            [&subject](const Mapping& memory) { return load_here(subject, memory, true) && run_guest(memory); });
  if (!subject.is_mappable) return;
  add_fresh(subject, "load_mapped", kHere,
            [&subject](const Mapping& memory) { return load_here_by_mapping(subject, memory) && run_guest(memory); });
  add_fresh(subject, "load_mapped_untouched", kHere,
            [&subject](const Mapping& memory) { return load_here_by_mapping(subject, memory); });
}

void add_there(const Subject& subject) {
  if (!subject.has_peer) return;
  add(subject, "parse", kThere, [&subject] { return parse_there(subject); });
  add(subject, "load_warm", kThere, [&subject] { return load_there(subject, subject.memory); });
  add_fresh(subject, "load_fresh", kThere, [&subject](const Mapping& memory) { return load_there(subject, memory); });
  add_fresh(subject, "load_fresh_touched", kThere,
            [&subject](const Mapping& memory) { return load_there(subject, memory) && run_guest(memory); });
}

void add_floor(const Subject& subject) {
  add(subject, "memcpy", {}, [&subject] { return copy_as_much(subject); });
  add(subject, "memcpy_stores", {}, [&subject] { return copy_as_much(subject) && store_relocations(subject); });
}

// Prints only medians, and stores them.
class MedianReporter : public benchmark::ConsoleReporter {
 public:
  MedianReporter() : ConsoleReporter{OO_Tabular} {}

  void ReportRuns(const std::vector<Run>& runs) override {
    std::vector<Run> shown;
    std::ranges::copy_if(runs, std::back_inserter(shown), [](const Run& run) {
      return run.run_type == Run::RT_Iteration || run.aggregate_name == "median";
    });
    for (const auto& run : shown) {
      has_failed_ = has_failed_ || run.error_occurred;
      if (run.run_type == Run::RT_Aggregate) medians_[run.run_name.str()] = run.GetAdjustedCPUTime();
    }
    ConsoleReporter::ReportRuns(shown);
  }

  // CPU time: each benchmark is busy in one thread, and other programs must not count.
  [[nodiscard]] auto median(const std::string& name) const -> std::optional<double> {
    const auto found = medians_.find(name);
    if (found == medians_.end()) return std::nullopt;
    return found->second;
  }

  [[nodiscard]] auto has_failed() const noexcept -> bool { return has_failed_; }

 private:
  std::map<std::string, double> medians_;
  bool has_failed_ = false;
};

enum class Goal : std::uint8_t { none, at_most, at_least };

// The quotient of the times of two benchmarks.
struct Comparison {
  std::string_view what;
  std::string_view who;
  std::string_view other_what;
  std::string_view other_who;
  Goal goal = Goal::none;
  double limit = 0;
  std::string_view only_for = {};  // the only image with this goal; empty: all images
};

constexpr Comparison kComparisons[] = {
    {"parse", kHere, "parse", kThere},
    {"load_warm", kHere, "load_warm", kThere, Goal::at_most, 1.03},
    {"load_fresh", kHere, "load_fresh", kThere, Goal::at_most, 1.03},
    {"load_warm", kHere, "memcpy_stores", "", Goal::at_most, 1.05},
    {"load_warm", kHere, "memcpy", ""},
    {"load_fresh_touched", kThere, "load_mapped", kHere, Goal::at_least, 2, kLargeKernelName},
};

auto name_in_table(std::string_view what, std::string_view who) -> std::string {
  return who.empty() ? std::string{what} : fmt::format("{} {}", what, who);
}

auto verdict(const Comparison& comparison, std::string_view image, double ratio) -> std::string {
  if (comparison.goal == Goal::none || (!comparison.only_for.empty() && image != comparison.only_for)) return {};
  const auto at_most = comparison.goal == Goal::at_most;
  const auto reached = at_most ? ratio <= comparison.limit : ratio >= comparison.limit;
  return fmt::format("{} {:.2f}  {}", at_most ? "<=" : ">=", comparison.limit, reached ? "ok" : "MISSED");
}

void print_ratios(const std::vector<Subject>& subjects, const MedianReporter& reporter) {
  fmt::print("\nratios of the medians (CPU time), and goals\n");
  for (const auto& subject : subjects) {
    for (const auto& comparison : kComparisons) {
      const auto time = reporter.median(benchmark_name(comparison.what, subject.name, comparison.who));
      const auto other = reporter.median(benchmark_name(comparison.other_what, subject.name, comparison.other_who));
      if (!time || !other) continue;
      const auto ratio = *time / *other;
      fmt::print("{:<28}{:<32} / {:<24}{:>6.3f}  {}\n", subject.name, name_in_table(comparison.what, comparison.who),
                 name_in_table(comparison.other_what, comparison.other_who), ratio,
                 verdict(comparison, subject.name, ratio));
    }
  }
}

auto run(int argc, char** argv) -> int {
  std::vector<char*> arguments{argv[0]};
  for (const auto* flag : kDefaultFlags) arguments.push_back(const_cast<char*>(flag));
  arguments.insert(arguments.end(), argv + 1, argv + argc);
  auto count = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 2;

  const auto subjects = make_subjects();
  for (const auto& subject : subjects) {
    check(subject);
    add_here(subject);
    add_there(subject);
    add_floor(subject);
  }
  MedianReporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
  benchmark::Shutdown();
  print_ratios(subjects, reporter);
  return reporter.has_failed() ? 1 : 0;
}

}  // namespace
}  // namespace hermitage::bench

auto main(int argc, char** argv) -> int {
  try {
    return hermitage::bench::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "entry_bench: {}\n", error.what());
    return 1;
  }
}
