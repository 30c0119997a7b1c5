#include "hermitage/qemu/host.hpp"

#include <chrono>
#include <string>
#include <variant>

#include <fmt/format.h>

#include "hermitage/qemu/places.hpp"
#include "hermitage/qemu/process.hpp"

namespace hermitage::qemu {
namespace {

using guest::HostCheck;

constexpr std::chrono::seconds kPatience{10};

// What `--version` says first, which a program says that can be started.
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
  if (ended == nullptr || ended->status != 0) return std::unexpected{fmt::format("{} cannot be started", program)};
  constexpr std::string_view kBefore = "QEMU emulator version ";
  const auto line = std::string_view{text}.substr(0, text.find('\n'));
  return std::string{line.starts_with(kBefore) ? line.substr(kBefore.size()) : line};
}

auto finding(Target target) -> std::expected<std::string, std::string> {
  const auto program = find_program(program_name(target));
  if (!program) {
    return std::unexpected{
        fmt::format("there is no {}; install the package {}", program_name(target), package_name(target))};
  }
  const auto version = version_of(*program);
  if (!version) return std::unexpected{version.error()};
  const auto loader = find_loader(target);
  if (!loader) return std::unexpected{loader.error()};
  return fmt::format("{} ({}), {}", *program, *version, *loader);
}

}  // namespace

auto check_host() -> std::vector<TargetCheck> {
  std::vector<TargetCheck> checks;
  for (const auto target : kTargets) {
    const auto found = finding(target);
    checks.push_back({target,
                      {.subject = fmt::format("QEMU {}", name(target)),
                       .outcome = found ? HostCheck::Outcome::good : HostCheck::Outcome::missing,
                       .finding = found ? *found : found.error()}});
  }
  return checks;
}

}  // namespace hermitage::qemu
