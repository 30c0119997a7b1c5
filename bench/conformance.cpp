// Loads real, random and damaged kernels with this library and with hermit-entry, and searches for differences.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "bench/comparison.hpp"
#include "bench/config_comparison.hpp"
#include "bench/mutation.hpp"
#include "hermitage/entry/kernel_object.hpp"
#include "testing/images.hpp"
#include "testing/kernels.hpp"

namespace hermitage::bench {
namespace {

constexpr int kExitDisagree = 1;
constexpr int kExitUsage = 2;

constexpr std::string_view kUsage =
    "usage: conformance [--seed N] [--count N] [--list FILE]\n"
    "       conformance FILE...\n"
    "\n"
    "Loads kernels with this library and with hermit-entry and compares what comes of it: real x86_64 images,\n"
    "random kernels, and damaged copies of both; or the files that are named. Then compares how both read the\n"
    "configurations of images.\n"
    "\n"
    "  --seed N   what the random kernels grow from; a different number each time unless given\n"
    "  --count N  how many random kernels there are; 400 unless given\n"
    "  --list F   more kernels: a file with a path on each line; those for other machines are passed over\n"
    "  --help     print this\n";

constexpr std::string_view kImages[] = {"x86_64-0.6.9-hello_world", "x86_64-0.6.9-hello_c", "x86_64-0.6.9-rusty_demo"};
constexpr std::string_view kEntryVersion3Images[] = {"x86_64-0.2.2-entry3-hello_world", "x86_64-0.2.2-entry3-hello_c"};

constexpr unsigned kMutationsPerKernel = 20;

// The start addresses of relocatable kernels: those of old and new versions of Uhyve, a typical one of boot loaders,
// and random ones.
auto start_addresses(Random& random) -> std::vector<entry::GuestAddress> {
  constexpr std::uint64_t kPage = 0x1000;
  constexpr std::uint64_t kPageCount = std::uint64_t{1} << 35;
  return {{0x4'0000}, {0x20'0000}, {std::uint64_t{4} << 30}, {random() % kPageCount * kPage}};
}

auto describe(const Comparison& comparison) -> std::string {
  switch (comparison.outcome) {
    case Outcome::agree: return "the same";
    case Outcome::agree_unloaded: return "parsed the same, too large to be loaded";
    case Outcome::both_refuse: return "refused by both";
    case Outcome::refused_here: return fmt::format("refused here only: {}", comparison.detail);
    case Outcome::refused_there: return fmt::format("refused by hermit-entry only: {}", comparison.detail);
    case Outcome::differ_on_purpose: return fmt::format("different on purpose: {}", comparison.detail);
    case Outcome::disagree: return fmt::format("different: {}", comparison.detail);
  }
  return {};
}

class Conformance {
 public:
  // Checks a kernel that both must load with equal results. Its damaged copies may be refused.
  void check(const std::string& name, std::span<const std::byte> elf, std::uint64_t seed) {
    Random random{seed};
    const auto starts = start_addresses(random);
    expect(is_different_on_purpose(elf) ? Outcome::differ_on_purpose : Outcome::agree, name, elf, compare(elf, starts));
    for (unsigned i = 0; i < kMutationsPerKernel; ++i) {
      const auto mutated = mutate(elf, random);
      const auto comparison = compare(mutated, starts);
      if (comparison.outcome == Outcome::disagree) report(fmt::format("{}-mutation-{}", name, i), mutated, comparison);
      ++mutations_[comparison.outcome][comparison.detail];
    }
  }

  // Checks a file that neither must load.
  void check_refused(const std::string& name, std::span<const std::byte> elf) {
    const entry::GuestAddress start;
    const auto comparison = compare(elf, {&start, 1});
    fmt::print("{}: {}\n", name, describe(comparison));
    expect(Outcome::both_refuse, name, elf, comparison);
  }

  void skip(std::string_view name) { skipped_.push_back(name); }

  // Prints the results, and returns the exit status.
  [[nodiscard]] auto finish() const -> int {
    print_mutations();
    const auto skipped = skipped_.empty() ? std::string{} : fmt::format(" ({})", fmt::join(skipped_, ", "));
    fmt::print("conformance: {} kernels agree, {} disagree, {} skipped{}\n", agreeing_, disagreeing_, skipped_.size(),
               skipped);
    return disagreeing_ == 0 ? 0 : kExitDisagree;
  }

 private:
  // hermit-entry ignores DT_RELR.
  static auto is_different_on_purpose(std::span<const std::byte> elf) -> bool {
    const auto kernel = entry::KernelObject::parse(elf);
    return kernel && !kernel->relr().empty();
  }

  void expect(Outcome outcome, const std::string& name, std::span<const std::byte> elf, const Comparison& comparison) {
    if (comparison.outcome == outcome) {
      ++agreeing_;
    } else {
      report(name, elf, comparison);
    }
  }

  // Prints the difference, and stores the file for analysis.
  void report(const std::string& name, std::span<const std::byte> elf, const Comparison& comparison) {
    ++disagreeing_;
    const auto path = std::filesystem::temp_directory_path() / fmt::format("conformance-{}.elf", name);
    std::ofstream{path, std::ios::binary}.write(reinterpret_cast<const char*>(elf.data()),
                                                static_cast<std::streamsize>(elf.size()));
    fmt::print("{}: {}; see {}\n", name, describe(comparison), path.string());
  }

  void print_mutations() const {
    fmt::print("damaged copies:\n");
    for (const auto& [outcome, details] : mutations_) {
      for (const auto& [detail, count] : details) fmt::print("{:>8}  {}\n", count, describe({outcome, detail}));
    }
  }

  std::uint64_t agreeing_ = 0;
  std::uint64_t disagreeing_ = 0;
  std::vector<std::string_view> skipped_;
  std::map<Outcome, std::map<std::string, std::uint64_t>> mutations_;
};

struct Options {
  std::uint64_t seed = std::random_device{}();
  std::uint64_t count = 400;
  std::string list = {};
  std::vector<std::string> files = {};
};

auto parse_number(std::string_view text) -> std::optional<std::uint64_t> {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

auto parse_options(std::span<const std::string_view> arguments) -> std::optional<Options> {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (!arguments[i].starts_with('-')) {
      options.files.emplace_back(arguments[i]);
      continue;
    }
    if (arguments[i] == "--list" && i + 1 < arguments.size()) {
      options.list = arguments[++i];
      continue;
    }
    const bool is_seed = arguments[i] == "--seed";
    if ((!is_seed && arguments[i] != "--count") || i + 1 == arguments.size()) return std::nullopt;
    const auto number = parse_number(arguments[++i]);
    if (!number) return std::nullopt;
    (is_seed ? options.seed : options.count) = *number;
  }
  return options;
}

auto compare_files(std::span<const std::string> files) -> int {
  int status = 0;
  for (const auto& file : files) {
    Random random;
    const auto comparison = compare(testing::read_bytes(file), start_addresses(random));
    fmt::print("{}: {}\n", file, describe(comparison));
    if (comparison.outcome == Outcome::disagree) status = kExitDisagree;
  }
  return status;
}

auto read_lines(const std::string& path) -> std::vector<std::string> {
  std::ifstream file{path};
  if (!file) throw std::runtime_error{fmt::format("cannot read {}", path)};
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

// hermit-entry only accepts kernels for the machine that it runs on.
auto is_for_x86_64(std::span<const std::byte> elf) -> bool {
  const auto kernel = entry::KernelObject::parse(elf);
  return kernel && kernel->arch() == entry::Arch::x86_64;
}

void check_listed(Conformance& conformance, const Options& options) {
  if (options.list.empty()) return;
  std::uint64_t count = 0;
  for (const auto& path : read_lines(options.list)) {
    const auto elf = testing::read_bytes(path);
    if (!is_for_x86_64(elf)) continue;
    conformance.check(std::filesystem::path{path}.filename().string(), elf, options.seed);
    ++count;
  }
  fmt::print("{} kernels of {}\n", count, options.list);
}

auto run(const Options& options) -> int {
  if (!options.files.empty()) return compare_files(options.files);
  fmt::print("seed {}, {} random kernels\n", options.seed, options.count);
  Conformance conformance;
  for (const auto name : kImages) {
    if (const auto elf = testing::read_image(name)) {
      conformance.check(std::string{name}, *elf, options.seed);
    } else {
      conformance.skip(name);
    }
  }
  for (const auto name : kEntryVersion3Images) {
    if (const auto elf = testing::read_image(name)) {
      conformance.check_refused(std::string{name}, *elf);
    } else {
      conformance.skip(name);
    }
  }
  check_listed(conformance, options);
  for (auto seed = options.seed; seed != options.seed + options.count; ++seed) {
    const auto elf = testing::random_kernel(seed, entry::Arch::x86_64, entry::Endian::little);
    conformance.check(fmt::format("random-{}", seed), elf, seed);
  }
  // Runs both, so that a failure of one does not hide that of the other.
  const auto kernels = conformance.finish();
  const auto configs = compare_configs();
  return kernels != 0 ? kernels : configs;
}

}  // namespace
}  // namespace hermitage::bench

auto main(int argc, char** argv) -> int {
  const std::vector<std::string_view> arguments(argv + 1, argv + argc);
  if (std::ranges::find(arguments, "--help") != arguments.end()) {
    fmt::print("{}", hermitage::bench::kUsage);
    return 0;
  }
  try {
    const auto options = hermitage::bench::parse_options(arguments);
    if (options) return hermitage::bench::run(*options);
    fmt::print(stderr, "{}", hermitage::bench::kUsage);
    return hermitage::bench::kExitUsage;
  } catch (const std::exception& error) {
    fmt::print(stderr, "conformance: {}\n", error.what());
    return hermitage::bench::kExitDisagree;
  }
}
