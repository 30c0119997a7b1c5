#include "hermitage/qemu/host.hpp"

#include <chrono>
#include <string>
#include <variant>

#include <fmt/format.h>

#include "hermitage/base/program.hpp"
#include "hermitage/qemu/boot_output.hpp"
#include "hermitage/qemu/places.hpp"
#include "hermitage/qemu/process.hpp"

namespace hermitage::qemu {
namespace {

using base::HostCheck;

constexpr std::chrono::seconds kPatience{10};

// The first line of `--version`, which shows that the program can be started.
auto version_of(const std::string& program) -> std::expected<std::string, std::string> {
  std::string text;
  const auto result = run_process(program, {.words = {program, "--version"}, .descriptors = {}},
                                  {.output = -1,
                                   .on_output =
                                       [&text](std::string_view bytes) {
                                         text += bytes;
                                         return std::string{};
                                       },
                                   .timeout = kPatience});
  if (!result) return std::unexpected{result.error()};
  const auto* const ended = std::get_if<Ended>(&result->ending);
  if (ended == nullptr || ended->status != 0) return std::unexpected{fmt::format("cannot start {}", program)};
  constexpr std::string_view kBefore = "QEMU emulator version ";
  const auto line = std::string_view{text}.substr(0, text.find('\n'));
  return std::string{line.starts_with(kBefore) ? line.substr(kBefore.size()) : line};
}

struct Finding {
  std::string sentence;
  bool is_weak = false;
};

// The warning of the loader about missing features of the firmware, which it prints even without an image. Only riscv64
// kernels call firmware.
auto warning_of_loader(Target target, const std::string& program, const std::string& loader) -> std::string {
  if (target.arch != entry::Arch::riscv64) return {};
  std::string warning;
  BootOutput boot_output{{.handover = {}, .has_log = false, .on_warning = [&warning](std::string_view line) {
                            if (warning.empty()) warning = line;
                          }}};
  const CommandLine line{
      .words = {program, "-machine", "virt", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
                "-serial", "stdio", "-kernel", loader, "-append", "hermitage.log=warn"},
      .descriptors = {}};
  const auto result = run_process(
      program, line,
      {.output = -1, .on_output = [&](std::string_view text) { return boot_output.take(text); }, .timeout = kPatience});
  return result ? warning : std::string{};
}

auto finding(Target target) -> std::expected<Finding, std::string> {
  const auto program = base::find_program(program_name(target));
  if (!program) {
    return std::unexpected{
        fmt::format("{} is not installed; install the package {}", program_name(target), package_name(target))};
  }
  const auto version = version_of(*program);
  if (!version) return std::unexpected{version.error()};
  const auto loader = find_loader(target);
  if (!loader) return std::unexpected{loader.error()};
  const auto warning = warning_of_loader(target, *program, *loader);
  const auto sentence = fmt::format("{} ({}), {}", *program, *version, *loader);
  if (warning.empty()) return Finding{sentence};
  return Finding{.sentence = fmt::format("{}; {}", sentence, warning), .is_weak = true};
}

}  // namespace

auto check_host() -> std::vector<TargetCheck> {
  std::vector<TargetCheck> checks;
  for (const auto target : kTargets) {
    const auto found = finding(target);
    const auto outcome = !found           ? HostCheck::Outcome::missing
                         : found->is_weak ? HostCheck::Outcome::weak
                                          : HostCheck::Outcome::good;
    checks.push_back({target,
                      {.subject = fmt::format("QEMU {}", name(target)),
                       .outcome = outcome,
                       .finding = found ? found->sentence : found.error()}});
  }
  return checks;
}

}  // namespace hermitage::qemu
