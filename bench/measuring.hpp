// What programs that run others in turn, and measure them, have in common.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace measuring {

// What is measured: a line of the standard input, a name and words with a tab before each.
struct Subject {
  std::string name;
  std::vector<std::string> words;
};

// Says what has failed, and the reason of errno, and ends the program with 1.
[[noreturn]] void die(const std::string& what);

// Up to the end of what a descriptor gives, or to an error.
[[nodiscard]] auto read_all(int fd) -> std::string;

// All of the standard input. Ends the program with 2 if a line has fewer words than `least` behind the name.
[[nodiscard]] auto read_subjects(std::size_t least) -> std::vector<Subject>;

// Those that stand side by side and have the same name up to a colon are compared: they come in turn, in another order
// each round, before the next ones do; so that nobody comes always after the same other one, whose traces in caches and
// memory it finds. The orders are the same each time.
void for_each_in_turn(std::vector<Subject>& subjects, int rounds, const std::function<void(const Subject&)>& measure);

// Becomes the program of a command, for which its words are to be there as long. Exits with 127 if there is none.
[[noreturn]] void become(const std::vector<std::string>& command);

// What a program says that something takes: its last "NUMBER ticks each", of the processor's time stamps. Nothing where
// it says nothing.
[[nodiscard]] auto each_ns_in(const std::string& output) -> std::optional<std::int64_t>;

}  // namespace measuring
