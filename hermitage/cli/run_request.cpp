#include "hermitage/cli/run_request.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "hermitage/base/memory_size.hpp"
#include "hermitage/cli/output.hpp"
#include "hermitage/entry/quantity.hpp"

namespace hermitage::cli {
namespace {

constexpr int kSignalBase = 128;

auto key_of(std::string_view variable) -> std::string_view {
  return variable.substr(0, variable.find('='));
}

// Those of the user, of which the last with one name counts, in their order; then those of the image that the user has
// not set.
auto environment_of(const std::vector<std::string>& given, const std::vector<std::string>& of_image)
    -> OrFailure<std::vector<std::string>> {
  std::vector<std::string> all;
  const auto is_set = [&all](std::string_view key) {
    return std::ranges::any_of(all, [key](const std::string& variable) { return key_of(variable) == key; });
  };
  if (std::ranges::find(given, "host") != given.end()) {
    if (given.size() > 1) warn("-e host passes the host's variables, and no others");
    for (auto** variable = environ; *variable != nullptr; ++variable) all.emplace_back(*variable);
    return all;
  }
  for (const auto& variable : given) {
    if (variable.find('=') == std::string::npos || variable.starts_with('=')) {
      return wrong_usage(fmt::format("-e '{}': not KEY=VALUE, and not host", variable));
    }
    std::erase_if(all, [&](const std::string& earlier) { return key_of(earlier) == key_of(variable); });
    all.push_back(variable);
  }
  for (const auto& variable : of_image) {
    if (!is_set(key_of(variable))) all.push_back(variable);
  }
  return all;
}

// A size beyond all machines stays one.
auto round_up(std::uint64_t size) -> std::uint64_t {
  const auto units = size / base::kMemoryUnit + (size % base::kMemoryUnit == 0 ? 0 : 1);
  return std::min(units, std::numeric_limits<std::uint64_t>::max() / base::kMemoryUnit) * base::kMemoryUnit;
}

auto memory_of(const RunOptions& options, std::uint64_t wanted) -> OrFailure<std::uint64_t> {
  const auto size = parse_size("--memory-size", options.memory_size, std::max(base::kDefaultMemory, wanted));
  if (!size || *size >= wanted) return size;
  return not_started(options.image,
                     fmt::format("asks for {} MiB of memory at least, and gets {} MiB; give it more with --memory-size",
                                 wanted >> 20, *size >> 20));
}

auto cpu_count_of(const RunOptions& options, std::uint32_t wanted) -> OrFailure<std::uint32_t> {
  const auto count = options.cpu_count.value_or(std::max(1U, wanted));
  if (count >= wanted) return count;
  return not_started(
      options.image,
      fmt::format("asks for {} processors at least, and gets {}; give it more with --cpu-count", wanted, count));
}

// What is given replaces what the image has.
auto kernel_arguments_of(const RunOptions& options, std::optional<std::vector<std::string>> words,
                         const image::Config& config) -> std::vector<std::string> {
  if (options.kernel_args.empty() && !words) return config.kernel_args;
  auto arguments = options.kernel_args;
  if (words) arguments.insert(arguments.end(), words->begin(), words->end());
  return arguments;
}

}  // namespace

auto wrong_usage(std::string message) -> std::unexpected<Failure> {
  return std::unexpected{Failure{.exit_code = ExitCode::usage, .subject = {}, .message = std::move(message)}};
}

auto not_started(std::string subject, std::string message) -> std::unexpected<Failure> {
  return std::unexpected{Failure{.subject = std::move(subject), .message = std::move(message)}};
}

void warn(std::string_view line) {
  complain("warning", line);
}

auto parse_size(std::string_view option, const std::optional<std::string>& text, std::uint64_t otherwise)
    -> OrFailure<std::uint64_t> {
  if (!text) return otherwise;
  const auto size = entry::parse_quantity(*text);
  if (!size) return wrong_usage(fmt::format("{} '{}': not a size such as 64M, 512MiB or 2G", option, *text));
  return *size;
}

auto guest_size_of(const RunOptions& options, const image::Config& config) -> OrFailure<GuestSize> {
  const auto memory = memory_of(options, round_up(config.memory.value_or(0)));
  if (!memory) return std::unexpected{memory.error()};
  const auto cpu_count = cpu_count_of(options, config.cpus);
  if (!cpu_count) return std::unexpected{cpu_count.error()};
  return GuestSize{.memory = *memory, .cpu_count = *cpu_count};
}

auto arguments_of(const RunOptions& options, const image::Config& config) -> OrFailure<base::Arguments> {
  auto words = split_words(options.words);
  auto environment = environment_of(options.env_vars, config.env_vars);
  if (!environment) return std::unexpected{environment.error()};
  return base::Arguments{.program = options.image,
                         .kernel = kernel_arguments_of(options, std::move(words.kernel), config),
                         .application = std::move(words.application).value_or(config.app_args),
                         .environment = std::move(*environment)};
}

auto check_outputs(const RunOptions& options) -> OrFailure<void> {
  const auto output = options.output.value_or("none");
  const auto same = [](const std::string& a, const std::string& b) {
    std::error_code error;
    return std::filesystem::is_regular_file(a, error) && std::filesystem::equivalent(a, b, error);
  };
  if (output != "none" && same(options.file, output)) return wrong_usage("--output is the image itself");
  if (same(options.file, options.stats_file)) return wrong_usage("--stats-file is the image itself");
  const bool is_new_for_both = !options.stats_file.empty() && output == options.stats_file;
  if (is_new_for_both || same(output, options.stats_file)) {
    return wrong_usage("--output and --stats-file are the same file");
  }
  return {};
}

auto time_limit_of(const RunOptions& options) -> std::optional<std::chrono::nanoseconds> {
  if (!options.timeout_seconds) return std::nullopt;
  return std::chrono::nanoseconds{std::llround(*options.timeout_seconds * 1e9)};
}

void complain_of_timeout(const RunOptions& options) {
  complain(options.image,
           fmt::format("still running after {:g} s; stopped (--timeout)", options.timeout_seconds.value_or(0)));
}

void complain_of_output(const RunOptions& options, int error_number) {
  complain(options.output.value_or("standard output"), std::strerror(error_number));
}

auto end_after_signal(int signal) -> ExitCode {
  return static_cast<ExitCode>(kSignalBase + signal);
}

}  // namespace hermitage::cli
