// hermitage doctor: checks whether this host can run guests.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hermitage/base/host_check.hpp"
#include "hermitage/cli/command.hpp"
#include "hermitage/cli/commands.hpp"
#include "hermitage/cli/options.hpp"
#include "hermitage/cli/output.hpp"
#include "hermitage/inspect/json.hpp"
#include "hermitage/launch/monitor_host.hpp"
#include "hermitage/qemu/host.hpp"

#ifdef HERMITAGE_HAS_OCI
#include "hermitage/oci/host.hpp"
#endif

namespace hermitage::cli {
namespace {

using base::HostCheck;

auto word_of(HostCheck::Outcome outcome) -> std::string_view {
  switch (outcome) {
    case HostCheck::Outcome::good: return "good";
    case HostCheck::Outcome::weak: return "weak";
    case HostCheck::Outcome::missing: return "missing";
  }
  return {};
}

auto is_there(const HostCheck& check) -> bool {
  return check.outcome != HostCheck::Outcome::missing;
}

#ifdef HERMITAGE_HAS_OCI
auto check_containers() -> std::vector<HostCheck> {
  return oci::check_host();
}
#else
auto check_containers() -> std::vector<HostCheck> {
  return {{.subject = "hermitage-oci",
           .outcome = HostCheck::Outcome::missing,
           .finding = "this build has no monitor, which containers need"}};
}
#endif

// An engine, its checks, and the architectures that it can run.
struct EngineReport {
  std::string_view name;  // as in `run --engine`
  std::vector<std::string_view> architectures;
  std::vector<HostCheck> checks;
};

auto report_on_monitor() -> EngineReport {
  EngineReport report{.name = "kvm", .architectures = {}, .checks = launch::check_monitor()};
  if (std::ranges::all_of(report.checks, is_there)) {
    if (const auto arch = launch::monitor_arch()) report.architectures.emplace_back(entry::name(*arch));
  }
  return report;
}

auto report_on_qemu() -> EngineReport {
  EngineReport report{.name = "qemu", .architectures = {}, .checks = {}};
  for (auto& [target, check] : qemu::check_host()) {
    if (is_there(check)) report.architectures.push_back(qemu::name(target));
    report.checks.push_back(std::move(check));
  }
  return report;
}

auto can_run(const std::vector<EngineReport>& reports) -> bool {
  return std::ranges::any_of(reports, [](const EngineReport& report) { return !report.architectures.empty(); });
}

auto to_text(const std::vector<HostCheck>& checks) -> std::string {
  std::string text;
  for (const auto& check : checks) {
    text += fmt::format("  {:<8} {:<16} {}\n", word_of(check.outcome), check.subject, check.finding);
  }
  return text;
}

auto to_text(const std::vector<EngineReport>& reports) -> std::string {
  std::string text;
  for (const auto& report : reports) {
    text += fmt::format("Engine {}\n{}", report.name, to_text(report.checks));
    text += report.architectures.empty()
                ? "  runs no Hermit kernels here\n\n"
                : fmt::format("  runs Hermit kernels for {}\n\n", fmt::join(report.architectures, ", "));
  }
  return text + (can_run(reports) ? "Hermit kernels run here.\n" : "Hermit kernels do not run here.\n");
}

auto to_json(const std::vector<HostCheck>& checks) -> inspect::Json {
  auto array = inspect::Json::array();
  for (const auto& check : checks) {
    array.push_back({{"subject", check.subject}, {"outcome", word_of(check.outcome)}, {"finding", check.finding}});
  }
  return array;
}

auto to_json(const std::vector<EngineReport>& reports) -> inspect::Json {
  inspect::Json object{{"can_run", can_run(reports)}, {"engines", inspect::Json::array()}};
  for (const auto& report : reports) {
    inspect::Json engine{
        {"name", report.name}, {"architectures", inspect::Json::array()}, {"checks", to_json(report.checks)}};
    for (const auto architecture : report.architectures) engine["architectures"].push_back(architecture);
    object["engines"].push_back(std::move(engine));
  }
  return object;
}

struct DoctorOptions {
  bool json = false;
  bool oci = false;
};

auto check_and_show(const DoctorOptions& options) -> ExitCode {
  const std::vector<EngineReport> reports{report_on_monitor(), report_on_qemu()};
  const auto containers = options.oci ? check_containers() : std::vector<HostCheck>{};
  auto json = options.json ? to_json(reports) : inspect::Json{};
  if (options.json && options.oci) json["containers"] = to_json(containers);
  const auto heading = options.oci ? fmt::format("Containers\n{}\n", to_text(containers)) : std::string{};
  const auto printed = print_or_complain(options.json ? inspect::dump(json) + "\n" : heading + to_text(reports));
  if (printed != ExitCode::good) return printed;
  return can_run(reports) && std::ranges::all_of(containers, is_there) ? ExitCode::good : ExitCode::some_not;
}

using Option = OptionOf<DoctorOptions>;
constexpr std::array kOptions{
    Option{0, "oci", nullptr, "also check the requirements of Hermit containers (podman, Kubernetes)",
           set<&DoctorOptions::oci>},
    Option{0, "json", nullptr, "print a JSON object", set<&DoctorOptions::json>}};

constexpr CommandText kText{
    .name = "doctor",
    .description = "Check whether this host can run Hermit kernels",
    .operands = {},
    .epilogue = "Exit status: 0 Hermit kernels run here, with --oci also as containers; 1 they do not; 2 wrong usage."};

}  // namespace

auto describe_doctor() -> CommandDescription {
  return describe<kOptions>({});
}

auto run_doctor(const Words& words) -> ExitCode {
  DoctorOptions options;
  const auto operands = parse_command<kOptions>(kText, words, options);
  return operands ? check_and_show(options) : operands.error();
}

}  // namespace hermitage::cli
