// hermitage doctor: what works on this host.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "hermitage/cli/command.hpp"
#include "hermitage/cli/options.hpp"
#include "hermitage/cli/output.hpp"
#include "hermitage/inspect/json.hpp"
#include "hermitage/vmm/host.hpp"

namespace hermitage::cli {
namespace {

using vmm::HostCheck;

auto word_of(HostCheck::Outcome outcome) -> std::string_view {
  switch (outcome) {
    case HostCheck::Outcome::good: return "good";
    case HostCheck::Outcome::weak: return "weak";
    case HostCheck::Outcome::missing: return "missing";
  }
  return {};
}

auto can_run(const std::vector<HostCheck>& checks) -> bool {
  return std::ranges::none_of(checks,
                              [](const HostCheck& check) { return check.outcome == HostCheck::Outcome::missing; });
}

auto to_text(const std::vector<HostCheck>& checks) -> std::string {
  std::string text;
  for (const auto& check : checks) {
    text += fmt::format("{:<8} {:<16} {}\n", word_of(check.outcome), check.subject, check.finding);
  }
  return text + (can_run(checks) ? "\nHermit kernels run here.\n" : "\nHermit kernels do not run here.\n");
}

auto to_json(const std::vector<HostCheck>& checks) -> std::string {
  inspect::Json object{{"can_run", can_run(checks)}, {"checks", inspect::Json::array()}};
  for (const auto& check : checks) {
    object["checks"].push_back(
        {{"subject", check.subject}, {"outcome", word_of(check.outcome)}, {"finding", check.finding}});
  }
  return inspect::dump(object) + "\n";
}

auto check_and_show(bool json) -> ExitCode {
  const auto checks = vmm::check_host();
  const auto printed = print_or_complain(json ? to_json(checks) : to_text(checks));
  if (printed != ExitCode::good) return printed;
  return can_run(checks) ? ExitCode::good : ExitCode::some_not;
}

struct DoctorOptions {
  bool json = false;
};

using Option = OptionOf<DoctorOptions>;
constexpr std::array kOptions{Option{0, "json", nullptr, "print a JSON object", set<&DoctorOptions::json>}};

constexpr CommandText kText{.name = "doctor",
                            .description = "Say what of this host works for running Hermit kernels",
                            .operands = {},
                            .epilogue = "Exit status: 0 Hermit kernels run here; 1 they do not; 2 wrong usage."};

}  // namespace

auto run_doctor(const Words& words) -> ExitCode {
  DoctorOptions options;
  const auto operands = parse_command(kText, kOptions, words, options);
  return operands ? check_and_show(options.json) : operands.error();
}

}  // namespace hermitage::cli
