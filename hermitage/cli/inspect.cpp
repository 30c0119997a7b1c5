// hermitage inspect: reports what is in a kernel or an image.
#include <array>
#include <cstddef>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "hermitage/cli/command.hpp"
#include "hermitage/cli/commands.hpp"
#include "hermitage/cli/display.hpp"
#include "hermitage/cli/input.hpp"
#include "hermitage/cli/options.hpp"
#include "hermitage/cli/output.hpp"
#include "hermitage/cli/snapshot_report.hpp"
#include "hermitage/inspect/difference.hpp"
#include "hermitage/inspect/difference_json.hpp"
#include "hermitage/inspect/difference_text.hpp"
#include "hermitage/inspect/quantities.hpp"
#include "hermitage/inspect/report.hpp"
#include "hermitage/inspect/report_json.hpp"
#include "hermitage/inspect/report_svg.hpp"
#include "hermitage/inspect/report_text.hpp"
#include "hermitage/inspect/sink.hpp"
#include "hermitage/inspect/sizes.hpp"
#include "hermitage/inspect/sizes_json.hpp"
#include "hermitage/inspect/sizes_text.hpp"
#include "hermitage/inspect/treemap.hpp"

namespace hermitage::cli {
namespace {

using inspect::Report;
using inspect::Sink;
using inspect::Sizes;
using inspect::SizesBy;

struct InspectOptions {
  std::vector<std::string> files;
  std::vector<std::string> kernel_paths;
  std::string svg;
  std::string treemap;
  std::optional<SizesBy> by;
  bool sizes = false;
  bool diff = false;
  bool json = false;
  bool all = false;
  bool segments = false;
  bool notes = false;
  bool relocations = false;
  bool symbols = false;

  [[nodiscard]] auto wants_parts_only() const -> bool {
    return sizes || (!all && (segments || notes || relocations || symbols));
  }

  [[nodiscard]] auto extent() const -> inspect::Extent { return all ? inspect::Extent::full : inspect::Extent::brief; }

  [[nodiscard]] auto wants_sizes() const -> bool { return sizes || !treemap.empty(); }

  [[nodiscard]] auto details() const -> inspect::Details {
    if (sizes) return {};
    return {.relocations = all || relocations, .symbols = all || symbols, .sections = all, .load_plan = all};
  }
};

void print_report(const Report& report, const InspectOptions& options, const Sink& sink) {
  const auto display = display_of_output();
  if (options.wants_parts_only()) {
    if (options.segments) inspect::print_segments(report, display, sink);
    if (options.notes) inspect::print_notes(report, display, sink);
  } else {
    inspect::print_summary(report, display, options.extent(), sink);
  }
  if (options.all) {
    inspect::print_sections(report, display, sink);
    inspect::print_load_plan(report, display, sink);
  }
  if (options.all || options.relocations) inspect::print_relocations(report, display, sink);
  if (options.all || options.symbols) inspect::print_symbols(report, display, sink);
}

// Reports of the files that could be read, in the order of the files.
struct Results {
  std::vector<Report> reports;
  std::vector<Sizes> sizes;  // as many, when they are wanted; else none
};

void print_texts(const Results& results, const InspectOptions& options, const Sink& sink) {
  const bool has_names = options.files.size() > 1;
  for (std::size_t i = 0; i < results.reports.size(); ++i) {
    const auto& report = results.reports[i];
    if (has_names) sink(fmt::format("{}{}:\n", i == 0 ? "" : "\n", inspect::printable(report.file)));
    // Remove the newline before the heading of the first part.
    bool is_first = options.wants_parts_only();
    const Sink part = [&](std::string_view piece) {
      if (std::exchange(is_first, false) && piece.starts_with('\n')) piece.remove_prefix(1);
      sink(piece);
    };
    if (options.sizes) {
      inspect::print_sizes(results.sizes[i], display_of_output(), options.extent(), part);
    } else {
      print_report(report, options, part);
    }
  }
}

// Calls take(Report, the kernel's bytes) for each file that can be read.
template <class Take>
auto read_files(const InspectOptions& options, Take take) -> ExitCode {
  auto exit_code = ExitCode::good;
  for (const auto& file : options.files) {
    const auto input = read_kernel(file);
    if (!input) {
      complain(file, input.error());
      exit_code = ExitCode::usage;
      continue;
    }
    auto report = input->image ? inspect::make_report(file, *input->image, options.details())
                               : inspect::make_report(file, input->bytes, options.details());
    take(std::move(report), kernel_of(*input));
  }
  return exit_code;
}

// One document for one file, an array for several.
template <class Item>
void print_documents(const std::vector<Item>& items, bool are_several, void (*print_one)(const Item&, const Sink&),
                     void (*print_array)(std::span<const Item>, const Sink&), const Sink& sink) {
  if (!are_several && items.empty()) return;
  are_several ? print_array(items, sink) : print_one(items.front(), sink);
  sink("\n");
}

void print_results(const Results& results, const InspectOptions& options, const Sink& sink) {
  if (!options.json) return print_texts(results, options, sink);
  const bool are_several = options.files.size() > 1;
  if (options.sizes) {
    print_documents(results.sizes, are_several, inspect::print_sizes_json, inspect::print_sizes_json_array, sink);
  } else {
    print_documents(results.reports, are_several, inspect::print_json, inspect::print_json_array, sink);
  }
}

// Calls write(sink). The sink calls put(piece) for each piece, until one fails.
template <class Write, class Put>
auto write_pieces(Write write, Put put) -> std::expected<void, std::string> {
  std::expected<void, std::string> result;
  write(Sink{[&](std::string_view piece) {
    if (result) result = put(piece);
  }});
  return result;
}

template <class Item>
auto write_picture(const std::string& file, void (*print_picture)(const Item&, const Sink&), const Item& item)
    -> ExitCode {
  const auto written = write_file(file, inspect::collected(print_picture, item));
  if (written) return ExitCode::good;
  complain(file == "-" ? "standard output" : file, written.error());
  return ExitCode::usage;
}

// A picture may go to standard output; the rest then goes to standard error.
auto write_results(const Results& results, const InspectOptions& options) -> ExitCode {
  const auto write = [&](const Sink& sink) { print_results(results, options, sink); };
  if (options.svg == "-" || options.treemap == "-") {
    write(print_error);
  } else if (const auto printed = write_pieces(write, print); !printed) {
    complain("standard output", printed.error());
    return ExitCode::usage;
  }
  auto exit_code = ExitCode::good;
  if (results.reports.empty()) return exit_code;
  if (!options.svg.empty()) exit_code = write_picture(options.svg, inspect::print_svg, results.reports.front());
  if (!options.treemap.empty()) {
    exit_code = worse(exit_code, write_picture(options.treemap, inspect::print_treemap, results.sizes.front()));
  }
  return exit_code;
}

// The reason why the options exclude each other; empty if they do not.
auto complaint_of_options(const InspectOptions& options) -> std::string {
  if (options.files.empty()) return "missing operand FILE";
  const bool has_several = options.files.size() > 1;
  if (!options.svg.empty() && has_several) return "--svg accepts only one FILE";
  if (!options.treemap.empty() && has_several) return "--treemap accepts only one FILE";
  if (options.svg == "-" && options.treemap == "-") return "--svg and --treemap cannot both go to standard output";
  if (options.by && !options.wants_sizes()) return "--by needs --sizes or --treemap";
  if (options.diff && options.files.size() != 2) return "--diff needs two files: OLD NEW";
  if (options.diff && options.sizes) return "--diff and --sizes exclude each other";
  return {};
}

// The reason why a file cannot be loaded.
auto complain_unless_loadable(const Report& report) -> ExitCode {
  if (report.loadable) return ExitCode::good;
  complain_of(report.file, inspect::shown_problems(report).front().message);
  return ExitCode::some_not;
}

auto compare_files(const InspectOptions& options) -> ExitCode {
  std::vector<inspect::Subject> subjects;
  auto exit_code = read_files(options, [&](Report report, std::span<const std::byte> kernel) {
    subjects.push_back(inspect::make_subject(std::move(report), kernel));
  });
  if (subjects.size() != 2) return exit_code;
  const auto difference = inspect::compare(subjects[0], subjects[1]);
  const auto write = [&](const Sink& sink) {
    if (!options.json) return inspect::print_difference(difference, display_of_output(), options.extent(), sink);
    inspect::print_difference_json(difference, sink);
    sink("\n");
  };
  if (const auto printed = write_pieces(write, print); !printed) {
    complain("standard output", printed.error());
    exit_code = ExitCode::usage;
  }
  for (const auto& subject : subjects) exit_code = worse(exit_code, complain_unless_loadable(subject.report));
  return exit_code;
}

auto report_files(const InspectOptions& options) -> ExitCode {
  Results results;
  auto exit_code = read_files(options, [&](Report report, std::span<const std::byte> kernel) {
    if (options.wants_sizes()) {
      results.sizes.push_back(inspect::make_sizes(report.file, kernel, options.by.value_or(SizesBy::crate)));
    }
    results.reports.push_back(std::move(report));
  });
  exit_code = worse(exit_code, write_results(results, options));
  for (const auto& report : results.reports) exit_code = worse(exit_code, complain_unless_loadable(report));
  return exit_code;
}

auto inspect_files(InspectOptions options) -> ExitCode {
  options.files.insert(options.files.begin(), options.kernel_paths.begin(), options.kernel_paths.end());
  if (const auto complaint = complaint_of_options(options); !complaint.empty()) {
    return complain_of_usage("inspect", complaint);
  }
  if (options.files.size() == 1 && is_snapshot_file(options.files.front())) {
    return inspect_snapshot(options.files.front(), options.json);
  }
  return options.diff ? compare_files(options) : report_files(options);
}

auto set_by(InspectOptions& options, const char* argument) -> Outcome {
  if (options.by) return std::unexpected{std::string{kGivenBefore}};
  options.by = inspect::parse_sizes_by(argument);
  if (options.by) return {};
  return std::unexpected{std::string{"not one of crate, function, file and segment"}};
}

using Option = OptionOf<InspectOptions>;
constexpr std::array kOptions{
    Option{'i', "kernel-path", "KERNEL", "another way to name a FILE", set<&InspectOptions::kernel_paths>, kFiles,
           true},
    Option{0, "json", nullptr, "print JSON: an object for one FILE, an array for several", set<&InspectOptions::json>},
    Option{0, "all", nullptr, "print everything, including long lists", set<&InspectOptions::all>},
    Option{0, "segments", nullptr, "print only the segments, and other parts named by options",
           set<&InspectOptions::segments>},
    Option{0, "notes", nullptr, "print only the notes, in full", set<&InspectOptions::notes>},
    Option{0, "relocations", nullptr, "print only the relocations, one per line", set<&InspectOptions::relocations>},
    Option{0, "symbols", nullptr, "print only the symbols, one per line", set<&InspectOptions::symbols>},
    Option{0, "svg", "OUT.svg",
           "also write the memory map as a picture; - is standard output, and the report then goes to standard error",
           set<&InspectOptions::svg>, kFiles},
    Option{0, "sizes", nullptr, "print only the sizes of the parts of the kernel", set<&InspectOptions::sizes>},
    Option{0, "by", "WHAT", "parts that --sizes and --treemap show: `crate` (default), `function`, `file` or `segment`",
           set_by, one_of("crate function file segment")},
    Option{0, "treemap", "OUT.svg",
           "also draw the sizes as a picture; - is standard output, and the report then goes to standard error",
           set<&InspectOptions::treemap>, kFiles},
    Option{0, "diff", nullptr, "print only the differences between two FILEs: OLD NEW", set<&InspectOptions::diff>},
};

constexpr Operand kOperands[] = {{"FILE", "kernels or images to report on; - is standard input", Operand::Count::any}};
constexpr CommandText kText{
    .name = "inspect",
    .description = "Report what is in a Hermit kernel or image",
    .operands = kOperands,
    .epilogue =
        "Exit status: 0 every FILE can be loaded; 1 some cannot; 2 wrong usage, or a file that cannot be read or "
        "written."};

}  // namespace

auto describe_inspect() -> CommandDescription {
  return describe<kOptions>(kOperands);
}

auto run_inspect(const Words& words) -> ExitCode {
  InspectOptions options;
  auto files = parse_command<kOptions>(kText, words, options);
  if (!files) return files.error();
  options.files = std::move(*files);
  return inspect_files(std::move(options));
}

}  // namespace hermitage::cli
