// Common functions of programs that run and measure other programs in turn.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace measuring {

// A subject of a measurement: a line of standard input with a name and arguments, separated by tabs.
struct Subject {
  std::string name;
  std::vector<std::string> words;
};

// Prints the failed operation and the reason of errno, and exits with 1.
[[noreturn]] void die(const std::string& what);

// Reads from a descriptor to its end, or to an error.
[[nodiscard]] auto read_all(int fd) -> std::string;

// Reads the subjects from standard input. Exits with 2 if a line has fewer than `least` arguments after the name.
[[nodiscard]] auto read_subjects(std::size_t least) -> std::vector<Subject>;

// Measures groups of adjacent subjects whose names are equal up to a colon. The subjects of a group run in turn, in
// another order each round. Different orders are necessary because a subject finds traces of its predecessor in
// caches and memory. The orders are the same in each run of the program.
void for_each_in_turn(std::vector<Subject>& subjects, int rounds, const std::function<void(const Subject&)>& measure);

// Executes the command in this process. The strings must stay valid until then. Exits with 127 if the program does
// not exist.
[[noreturn]] void become(const std::vector<std::string>& command);

// The time that a program prints for one operation: its last "NUMBER ticks each", in time stamps of the processor.
// Nothing if it prints none.
[[nodiscard]] auto each_ns_in(const std::string& output) -> std::optional<std::int64_t>;

}  // namespace measuring
