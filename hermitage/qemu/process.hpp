// Another program that runs in this one's place: it gets standard input and the terminal, and what ends this one ends
// it. It never outlives us.
#pragma once

#include <chrono>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "hermitage/qemu/command_line.hpp"

namespace hermitage::qemu {

struct ProcessOptions {
  // The descriptor that gets what the program writes to standard output; -1: nobody.
  int output = 1;
  // Makes of what has come what is to be passed on, at once or later; gets an empty text when nothing comes any more.
  std::function<std::string(std::string_view)> on_output = {};
  std::optional<std::chrono::nanoseconds> timeout = std::nullopt;
  // Gets each line of its standard error, without the end.
  std::function<void(std::string_view)> on_error_line = {};
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

// Runs `program`, a path, with the words of the line, to its end. The process must have no other thread, and no other
// child. The error is a sentence that says why the program was not started.
[[nodiscard]] auto run_process(const std::string& program, const CommandLine& line, const ProcessOptions& options)
    -> std::expected<ProcessEnding, std::string>;

}  // namespace hermitage::qemu
