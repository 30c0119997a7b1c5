// hermitage inspect: reports what is in a kernel or an image.
#include <array>
#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "hermitage/cli/command.hpp"
#include "hermitage/cli/commands.hpp"
#include "hermitage/cli/input.hpp"
#include "hermitage/cli/options.hpp"
#include "hermitage/cli/output.hpp"
#include "hermitage/inspect/quantities.hpp"
#include "hermitage/inspect/report.hpp"
#include "hermitage/inspect/report_json.hpp"
#include "hermitage/inspect/report_svg.hpp"
#include "hermitage/inspect/report_text.hpp"
#include "hermitage/inspect/sink.hpp"

namespace hermitage::cli {
namespace {

using inspect::Report;
using inspect::Sink;

struct InspectOptions {
  std::vector<std::string> files;
  std::vector<std::string> kernel_paths;
  std::string svg;
  bool json = false;
  bool all = false;
  bool segments = false;
  bool notes = false;
  bool relocations = false;
  bool symbols = false;

  [[nodiscard]] auto wants_parts_only() const -> bool { return !all && (segments || notes || relocations || symbols); }

  [[nodiscard]] auto details() const -> inspect::Details {
    return {.relocations = all || relocations, .symbols = all || symbols, .sections = all, .load_plan = all};
  }
};

void print_report(const Report& report, const InspectOptions& options, const Sink& sink) {
  const auto colour = colour_of_output();
  if (options.wants_parts_only()) {
    if (options.segments) inspect::print_segments(report, colour, sink);
    if (options.notes) inspect::print_notes(report, colour, sink);
  } else {
    const auto extent = options.all ? inspect::Extent::full : inspect::Extent::brief;
    inspect::print_summary(report, colour, extent, sink);
  }
  if (options.all) {
    inspect::print_sections(report, colour, sink);
    inspect::print_load_plan(report, colour, sink);
  }
  if (options.all || options.relocations) inspect::print_relocations(report, colour, sink);
  if (options.all || options.symbols) inspect::print_symbols(report, colour, sink);
}

void print_reports(const std::vector<Report>& reports, const InspectOptions& options, const Sink& sink) {
  const bool has_names = options.files.size() > 1;
  for (const auto& report : reports) {
    if (has_names)
      sink(fmt::format("{}{}:\n", &report == &reports.front() ? "" : "\n", inspect::printable(report.file)));
    // Remove the newline before the heading of the first part.
    bool is_first = options.wants_parts_only();
    print_report(report, options, [&](std::string_view piece) {
      if (std::exchange(is_first, false) && piece.starts_with('\n')) piece.remove_prefix(1);
      sink(piece);
    });
  }
}

auto read_reports(const InspectOptions& options, std::vector<Report>& reports) -> ExitCode {
  auto exit_code = ExitCode::good;
  for (const auto& file : options.files) {
    const auto input = read_kernel(file);
    if (!input) {
      complain(file, input.error());
      exit_code = ExitCode::usage;
      continue;
    }
    reports.push_back(input->image ? inspect::make_report(file, *input->image, options.details())
                                   : inspect::make_report(file, input->bytes, options.details()));
  }
  return exit_code;
}

void print_results(const std::vector<Report>& reports, const InspectOptions& options, const Sink& sink) {
  if (!options.json) return print_reports(reports, options, sink);
  const bool has_several = options.files.size() > 1;
  if (!has_several && reports.empty()) return;
  if (has_several) {
    inspect::print_json_array(reports, sink);
  } else {
    inspect::print_json(reports.front(), sink);
  }
  sink("\n");
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

auto write_svg(const Report& report, const std::string& file) -> std::expected<void, std::string> {
  return write_file(file, inspect::collected(inspect::print_svg, report));
}

// A picture may go to standard output; the report then goes to standard error.
auto write_results(const std::vector<Report>& reports, const InspectOptions& options) -> ExitCode {
  const auto write = [&](const Sink& sink) { print_results(reports, options, sink); };
  if (options.svg == "-") {
    write(print_error);
  } else if (const auto printed = write_pieces(write, print); !printed) {
    complain("standard output", printed.error());
    return ExitCode::usage;
  }
  if (options.svg.empty() || reports.empty()) return ExitCode::good;
  if (const auto written = write_svg(reports.front(), options.svg); !written) {
    complain(options.svg == "-" ? "standard output" : options.svg, written.error());
    return ExitCode::usage;
  }
  return ExitCode::good;
}

auto inspect_files(InspectOptions options) -> ExitCode {
  options.files.insert(options.files.begin(), options.kernel_paths.begin(), options.kernel_paths.end());
  if (options.files.empty()) {
    return complain_of_usage("inspect", "missing operand FILE");
  }
  if (!options.svg.empty() && options.files.size() > 1) {
    complain({}, "--svg accepts only one FILE");
    return ExitCode::usage;
  }
  std::vector<Report> reports;
  auto exit_code = read_reports(options, reports);
  exit_code = worse(exit_code, write_results(reports, options));
  for (const auto& report : reports) {
    if (report.loadable) continue;
    complain_of(report.file, inspect::shown_problems(report).front().message);
    exit_code = worse(exit_code, ExitCode::some_not);
  }
  return exit_code;
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
