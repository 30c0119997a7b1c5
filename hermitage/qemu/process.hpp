// Another program that runs in this one's place: it gets standard input and the terminal, and what ends this one ends
// it. It never outlives us.
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

  // The descriptor that gets what the program writes to standard output; -1: nobody.
  int output = 1;
  // Makes of what has come what is to be passed on, at once or later; gets an empty text when nothing comes any more.
  std::function<std::string(std::string_view)> on_output = {};
  std::optional<std::chrono::nanoseconds> timeout = std::nullopt;
  // Gets each line of its standard error, without the end.
  std::function<void(std::string_view)> on_error_line = {};
  // The program runs without capabilities, can get no privileges, and has no descriptors but standard streams, the
  // files of its command line, and `kept_descriptors`. It must be able to open CommandLine::files so.
  bool is_confined = false;
  std::vector<int> kept_descriptors = {};  // in ascending order
  // Standard input is passed on once this says so; empty: the program has ours, from the start. SIGPIPE is to be
  // ignored.
  std::function<bool()> takes_input = {};
  // After all input was passed on, of which there were so many bytes.
  std::function<void(std::uint64_t)> on_input_end = {};
  // Called whenever something has happened, and at the time that it returned last.
  std::function<std::optional<Clock::time_point>()> on_wake = {};
};

// How it ended.
struct Ended {
  int status = 0;  // waitpid(2)'s
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
  // Bytes of output for which nobody had room after the time limit, or a signal. Otherwise a slow reader is waited for.
  std::uint64_t undelivered = 0;
};

// Runs `program`, a path, with the words of the line, to its end. The process must have no other thread, and no other
// child. The error is a sentence that says why the program was not started.
[[nodiscard]] auto run_process(const std::string& program, const CommandLine& line, const ProcessOptions& options)
    -> std::expected<ProcessResult, std::string>;

}  // namespace hermitage::qemu
