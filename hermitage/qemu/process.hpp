// Runs another program in the foreground: it gets standard input and the terminal, and signals that end this process
// end it. It never outlives this process.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "hermitage/qemu/command_line.hpp"

namespace hermitage::qemu {

struct ProcessOptions {
  using Clock = std::chrono::steady_clock;

  // The descriptor for the output of the program; -1: discard it.
  int output = 1;
  // Filters output: returns the part to pass on, now or later. Called with an empty string at the end.
  std::function<std::string(std::string_view)> on_output = {};
  std::optional<std::chrono::nanoseconds> timeout = std::nullopt;
  // Called with each line of standard error, without the newline.
  std::function<void(std::string_view)> on_error_line = {};
  // The program runs without capabilities, cannot gain privileges, and has only the descriptors of the standard
  // streams, of the files of its command line, and `kept_descriptors`. It must be able to open CommandLine::files in
  // this state.
  bool is_confined = false;
  std::vector<int> kept_descriptors = {};  // in ascending order
  // Standard input is forwarded once this returns true. Empty: the program inherits it from the start. SIGPIPE must be
  // ignored.
  std::function<bool()> takes_input = {};
  // Called after all input was forwarded, with the number of bytes.
  std::function<void(std::uint64_t)> on_input_end = {};
  // Called after each event, and at the time that it returned last.
  std::function<std::optional<Clock::time_point>()> on_wake = {};
};

// How it ended.
struct Ended {
  int status = 0;  // of waitpid(2)
};
struct TimedOut {};
struct Stopped {
  int signal = 0;  // SIGINT, SIGTERM or SIGHUP, which this process got
};
struct OutputFailed {
  int error_number = 0;
};
using ProcessEnding = std::variant<Ended, TimedOut, Stopped, OutputFailed>;

struct ProcessResult {
  ProcessEnding ending;
  // Bytes of output that were not read in time after the time limit or a signal. Otherwise, slow readers are waited
  // for.
  std::uint64_t undelivered = 0;
};

// Runs `program`, a path, with the arguments of the line, to its end. This process must have no other thread and no
// other child. The error is a sentence that says why the program was not started.
[[nodiscard]] auto run_process(const std::string& program, const CommandLine& line, const ProcessOptions& options)
    -> std::expected<ProcessResult, std::string>;

}  // namespace hermitage::qemu
