// What `hermitage run` is asked for, as far as it does not depend on the engine that runs the guest.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "hermitage/base/arguments.hpp"
#include "hermitage/cli/command.hpp"
#include "hermitage/cli/run_options.hpp"
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

// The machine that the guest gets.
struct GuestSize {
  std::uint64_t memory = 0;  // bytes
  std::uint32_t cpu_count = 1;

  friend auto operator==(const GuestSize&, const GuestSize&) -> bool = default;
};

// What the user says; else what the image asks for, and at least the usual. Fails where the user gives less than the
// image asks for.
[[nodiscard]] auto guest_size_of(const RunOptions& options, const image::Config& config) -> OrFailure<GuestSize>;

// What the user says. What the user does not say, of the arguments of the kernel, those of the application and each
// variable, the image does.
[[nodiscard]] auto arguments_of(const RunOptions& options, const image::Config& config) -> OrFailure<base::Arguments>;

// Fails with wrong usage where the guest's output or its statistics would replace the image, or one another.
[[nodiscard]] auto check_outputs(const RunOptions& options) -> OrFailure<void>;

// --timeout, from process_start() on.
[[nodiscard]] auto time_limit_of(const RunOptions& options) -> std::optional<std::chrono::nanoseconds>;

// What there is to say when a guest did not come to its end.
void complain_of_timeout(const RunOptions& options);
void complain_of_output(const RunOptions& options, int error_number);

// The exit status after a signal.
[[nodiscard]] auto end_after_signal(int signal) -> ExitCode;

}  // namespace hermitage::cli
