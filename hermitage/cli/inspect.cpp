// hermitage inspect: show what is in an image.
#include <array>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "hermitage/cli/command.hpp"
#include "hermitage/cli/input.hpp"
#include "hermitage/cli/options.hpp"
#include "hermitage/cli/output.hpp"
#include "hermitage/inspect/quantities.hpp"
#include "hermitage/inspect/report.hpp"
#include "hermitage/inspect/report_json.hpp"
#include "hermitage/inspect/report_svg.hpp"
#include "hermitage/inspect/report_text.hpp"

namespace hermitage::cli {
namespace {

using inspect::Report;

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

auto text_of(const Report& report, const InspectOptions& options) -> std::string {
  const auto colour = colour_of_output();
  std::string text;
  if (options.wants_parts_only()) {
    if (options.segments) text += inspect::segments_text(report, colour);
    if (options.notes) text += inspect::notes_text(report, colour);
  } else {
    text += inspect::summary_text(report, colour, options.all ? inspect::Extent::full : inspect::Extent::brief);
  }
  if (options.all) text += inspect::sections_text(report, colour) + inspect::load_plan_text(report, colour);
  if (options.all || options.relocations) text += inspect::relocations_text(report, colour);
  if (options.all || options.symbols) text += inspect::symbols_text(report, colour);
  return text;
}

auto texts_of(const std::vector<Report>& reports, const InspectOptions& options, bool with_names) -> std::string {
  std::string text;
  for (const auto& report : reports) {
    if (with_names) text += fmt::format("{}{}:\n", text.empty() ? "" : "\n", inspect::printable(report.file));
    auto part = text_of(report, options);
    if (options.wants_parts_only() && part.starts_with('\n')) part.erase(0, 1);
    text += part;
  }
  return text;
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

auto render(const std::vector<Report>& reports, const InspectOptions& options) -> std::string {
  const bool has_several = options.files.size() > 1;
  if (!options.json) return texts_of(reports, options, has_several);
  if (has_several) return inspect::to_json(reports) + "\n";
  return reports.empty() ? std::string{} : inspect::to_json(reports.front()) + "\n";
}

// A picture may go to standard output; the report then goes to standard error.
auto write_results(const std::vector<Report>& reports, const InspectOptions& options) -> ExitCode {
  const auto text = render(reports, options);
  if (options.svg == "-") {
    print_error(text);
  } else if (const auto printed = print(text); !printed) {
    complain("standard output", printed.error());
    return ExitCode::usage;
  }
  if (options.svg.empty() || reports.empty()) return ExitCode::good;
  if (const auto written = write_file(options.svg, inspect::to_svg(reports.front())); !written) {
    complain(options.svg == "-" ? "standard output" : options.svg, written.error());
    return ExitCode::usage;
  }
  return ExitCode::good;
}

auto inspect_files(InspectOptions options) -> ExitCode {
  options.files.insert(options.files.begin(), options.kernel_paths.begin(), options.kernel_paths.end());
  if (options.files.empty()) {
    return complain_of_usage("inspect", "inspect needs a FILE");
  }
  if (!options.svg.empty() && options.files.size() > 1) {
    complain({}, "--svg draws one file, not several");
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
    Option{'i', "kernel-path", "KERNEL", "another way to name a FILE", set<&InspectOptions::kernel_paths>},
    Option{0, "json", nullptr, "print a JSON object for one FILE, an array for several", set<&InspectOptions::json>},
    Option{0, "all", nullptr, "show everything, long lists, too", set<&InspectOptions::all>},
    Option{0, "segments", nullptr, "show only the segments, and what else is asked for",
           set<&InspectOptions::segments>},
    Option{0, "notes", nullptr, "show only the notes, in full", set<&InspectOptions::notes>},
    Option{0, "relocations", nullptr, "show only the relocations, each", set<&InspectOptions::relocations>},
    Option{0, "symbols", nullptr, "show only the symbols, each", set<&InspectOptions::symbols>},
    Option{0, "svg", "OUT.svg",
           "draw the memory map of the loaded kernel as a picture, too; - is standard output, and the "
           "rest goes to standard error",
           set<&InspectOptions::svg>},
};

constexpr Operand kOperands[] = {{"FILE", "kernels or images to look at; - is standard input", Operand::Count::any}};
constexpr CommandText kText{
    .name = "inspect",
    .description = "Show what is in a Hermit kernel or image",
    .operands = kOperands,
    .epilogue =
        "Exit status: 0 every FILE can be loaded; 1 some cannot; 2 wrong usage, or a file that cannot be read or "
        "written."};

}  // namespace

auto run_inspect(const Words& words) -> ExitCode {
  InspectOptions options;
  auto files = parse_command<kOptions>(kText, words, options);
  if (!files) return files.error();
  options.files = std::move(*files);
  return inspect_files(std::move(options));
}

}  // namespace hermitage::cli
