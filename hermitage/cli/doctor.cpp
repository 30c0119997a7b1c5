// hermitage doctor: what works on this host.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "hermitage/cli/command.hpp"
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

auto run_doctor(bool json) -> ExitCode {
  const auto checks = vmm::check_host();
  if (const auto printed = print(json ? to_json(checks) : to_text(checks)); !printed) {
    complain("standard output", printed.error());
    return ExitCode::usage;
  }
  return can_run(checks) ? ExitCode::good : ExitCode::some_not;
}

}  // namespace

auto add_doctor(CLI::App& program) -> Command {
  const auto json = std::make_shared<bool>(false);
  auto* command = program.add_subcommand("doctor", "Say what of this host works for running Hermit kernels");
  command->add_flag("--json", *json, "Print a JSON object");
  command->footer("Exit status: 0 Hermit kernels run here; 1 they do not; 2 wrong usage.");
  return [json] { return run_doctor(*json); };
}

}  // namespace hermitage::cli
