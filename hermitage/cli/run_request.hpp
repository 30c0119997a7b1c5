// What `hermitage run` is asked for, as far as it does not depend on the engine that runs the guest.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "hermitage/cli/command.hpp"
#include "hermitage/cli/run_options.hpp"
#include "hermitage/guest/arguments.hpp"
#include "hermitage/image/config.hpp"

namespace hermitage::cli {

// Why a guest was not started.
struct Failure {
  ExitCode exit_code = ExitCode::not_started;
  std::string subject;
  std::string message;
  bool is_the_engines = false;  // another engine may be able to run the guest
};
template <class T>
using OrFailure = std::expected<T, Failure>;

[[nodiscard]] auto wrong_usage(std::string message) -> std::unexpected<Failure>;
[[nodiscard]] auto not_started(std::string subject, std::string message) -> std::unexpected<Failure>;

void warn(std::string_view line);

// What an option says, in bytes, or `otherwise` where it is not given.
[[nodiscard]] auto parse_size(std::string_view option, const std::optional<std::string>& text, std::uint64_t otherwise)
    -> OrFailure<std::uint64_t>;

// In bytes.
[[nodiscard]] auto memory_size_of(const RunOptions& options) -> OrFailure<std::uint64_t>;

// What the user says, and what the image says where the user does not.
[[nodiscard]] auto arguments_of(const RunOptions& options, const image::Config& config) -> OrFailure<guest::Arguments>;

// Whether the guest gets what its image asks for.
[[nodiscard]] auto check_requirements(const RunOptions& options, const image::Config& config, std::uint64_t memory_size)
    -> OrFailure<void>;

// --timeout, from process_start() on.
[[nodiscard]] auto time_limit_of(const RunOptions& options) -> std::optional<std::chrono::nanoseconds>;

// What there is to say, and the exit status, when a guest did not come to its end.
[[nodiscard]] auto end_after_timeout(const RunOptions& options) -> ExitCode;
[[nodiscard]] auto end_after_output_failed(const RunOptions& options, int error_number) -> ExitCode;
[[nodiscard]] auto end_after_signal(int signal) -> ExitCode;

}  // namespace hermitage::cli
