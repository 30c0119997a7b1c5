#include "hermitage/cli/run_report.hpp"

#include <chrono>
#include <cstring>
#include <string>
#include <string_view>
#include <variant>

#include <fmt/format.h>

#include "hermitage/cli/output.hpp"

namespace hermitage::cli {
namespace {

constexpr std::string_view kNoNetwork =
    "the guest needs a network; give it one with --net or --publish, see NETWORK in hermitage-run(1)";

class Teller {
 public:
  Teller(const launch::LaunchSpec& spec, const launch::RunReport& report) : spec_{spec}, report_{report} {}

  void operator()(const launch::GuestExited& /*exited*/) const {
    if (report_.lacked_network) complain(spec_.image, kNoNetwork);
    if (report_.lacked_memory) {
      complain(spec_.image, fmt::format("{} MiB of memory were not enough for the guest; increase --memory-size",
                                        spec_.memory_size >> 20U));
    }
  }
  void operator()(const launch::GuestCrashed& crashed) const {
    complain(spec_.image, fmt::format("the guest crashed: {}", crashed.reason));
  }
  void operator()(const launch::TimedOut& /*timed_out*/) const {
    const std::chrono::duration<double> limit = spec_.timeout.value_or(std::chrono::nanoseconds{});
    complain(spec_.image, fmt::format("still running after {:g} s; stopped by --timeout", limit.count()));
  }
  void operator()(const launch::Stopped& /*stopped*/) const {}
  void operator()(const launch::OutputFailed& failed) const {
    const bool is_file = spec_.output.kind == launch::Output::Kind::file;
    complain(is_file ? spec_.output.path : "standard output", std::strerror(failed.error_number));
  }
  void operator()(const launch::FileTruncated& /*truncated*/) const {
    complain(spec_.image,
             "the kernel's file was truncated while the guest was running (SIGBUS); the guest was stopped");
  }
  void operator()(const launch::EngineFailed& failed) const {
    if (!failed.reason.empty()) complain(spec_.image, failed.reason);
  }
  void operator()(const launch::GuestSaved& /*saved*/) const {}

 private:
  const launch::LaunchSpec& spec_;
  const launch::RunReport& report_;
};

}  // namespace

void tell_of_ending(const launch::LaunchSpec& spec, const launch::RunReport& report) {
  std::visit(Teller{spec, report}, report.ending);
}

void tell_of_saving(const std::string& file, const launch::RunReport& report) {
  if (report.was_saved) return complain(file, "the guest is saved");
  if (!report.save_problem.empty()) return complain(file, fmt::format("not saved: {}", report.save_problem));
  if (const auto* const exited = std::get_if<launch::GuestExited>(&report.ending)) {
    return complain(file, fmt::format("not saved: the guest has ended with exit code {} before", exited->code));
  }
  complain(file, "not saved: the guest has ended before");
}

auto exit_code_after_saving(const launch::RunReport& report) -> ExitCode {
  const bool is_stopped =
      std::holds_alternative<launch::TimedOut>(report.ending) || std::holds_alternative<launch::Stopped>(report.ending);
  return report.was_saved || is_stopped ? exit_code_of(report) : ExitCode::not_started;
}

void tell_of_undelivered_output(const launch::LaunchSpec& spec, const launch::RunReport& report) {
  if (report.undelivered == 0) return;
  complain(spec.image,
           fmt::format("{} bytes of output were not delivered: the reader was too slow", report.undelivered));
}

}  // namespace hermitage::cli
