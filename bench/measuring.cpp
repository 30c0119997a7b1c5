#include "bench/measuring.hpp"

#include <errno.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <span>
#include <thread>

#include "bench/ticks.h"

namespace measuring {
namespace {

using Clock = std::chrono::steady_clock;

auto words_in(std::string_view line) -> std::vector<std::string> {
  std::vector<std::string> result;
  while (true) {
    const auto end = line.find('\t');
    result.emplace_back(line.substr(0, end));
    if (end == std::string_view::npos) return result;
    line.remove_prefix(end + 1);
  }
}

auto title_of(const Subject& subject) -> std::string_view {
  return std::string_view{subject.name}.substr(0, subject.name.find(':'));
}

auto groups_of(std::vector<Subject>& subjects) -> std::vector<std::span<Subject>> {
  std::vector<std::span<Subject>> groups;
  for (auto begin = subjects.begin(); begin != subjects.end();) {
    const auto other = [&](const Subject& subject) { return title_of(subject) != title_of(*begin); };
    const auto end = std::find_if(begin, subjects.end(), other);
    groups.emplace_back(begin, end);
    begin = end;
  }
  return groups;
}

// The frequency of the processor's time stamps, per microsecond.
auto ticks_per_us() -> double {
  static const auto rate = [] {
    const auto begin = Clock::now();
    const auto first = read_ticks();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const auto ticks = read_ticks() - first;
    return static_cast<double>(ticks) / std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
  }();
  return rate;
}

}  // namespace

void die(const std::string& what) {
  std::fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what.c_str(), std::strerror(errno));
  std::exit(1);
}

auto read_all(int fd) -> std::string {
  std::string text;
  char part[65536];
  for (ssize_t size = 0; (size = read(fd, part, sizeof part)) > 0;) text.append(part, static_cast<std::size_t>(size));
  return text;
}

auto read_subjects(std::size_t least) -> std::vector<Subject> {
  std::vector<Subject> subjects;
  const auto text = read_all(STDIN_FILENO);
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find('\n', begin), text.size());
    auto words = words_in(std::string_view(text).substr(begin, end - begin));
    begin = end + 1;
    if (words.size() < 1 + least) {
      std::fprintf(stderr, "%s: a subject has too few words\n", program_invocation_short_name);
      std::exit(2);
    }
    auto name = std::move(words.front());
    words.erase(words.begin());
    subjects.push_back({.name = std::move(name), .words = std::move(words)});
  }
  return subjects;
}

void for_each_in_turn(std::vector<Subject>& subjects, int rounds, const std::function<void(const Subject&)>& measure) {
  std::minstd_rand numbers;  // the same sequence in each run
  for (const auto group : groups_of(subjects)) {
    for (int round = 0; round < rounds; ++round) {
      std::ranges::shuffle(group, numbers);
      for (const auto& subject : group) measure(subject);
    }
  }
}

void become(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execv(arguments[0], arguments.data());
  _exit(127);
}

auto each_ns_in(const std::string& output) -> std::optional<std::int64_t> {
  const auto end = output.rfind(" ticks each");
  if (end == std::string::npos || end == 0) return std::nullopt;
  const auto begin = output.find_last_not_of("0123456789", end - 1) + 1;
  if (begin == end) return std::nullopt;
  return std::llround(std::stod(output.substr(begin, end - begin)) * 1000 / ticks_per_us());
}

}  // namespace measuring
