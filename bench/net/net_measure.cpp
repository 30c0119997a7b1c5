// Runs guests with network services in turn, uses the services, and prints the measured values. It needs no other
// files, so that it runs in the lab and on the host.
//
// usage: net_measure ROUNDS LIMIT_SECONDS <SUBJECTS
//
// SUBJECTS has one line for each guest, with fields separated by tabs: name, service (see services.hpp), address,
// port, amount, and the arguments of the command that runs the guest. The guests run in turn
// (measuring::for_each_in_turn). A guest is ready when it prints a line that begins with "net: ". SIGTERM ends it.
// The program prints one line of JSON for each run:
//   subject     its name
//   failure     the reason for missing values, or null
//   amount      the amount from the input
//   wall_ns     time from the first byte to the last
//   median_ns   the median of single round trips; null for other services
//   guest_ns    time per frame that the guest was awake, as it prints; null if it prints none
//   cpu_ns      CPU time of the monitor during the measurement, including the guest
//   helpers_ns  CPU time of its child processes, such as passt
//   lost        datagrams that had to be sent again
// Exit status: 0; 1 if a measurement failed; 2 wrong usage.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "bench/measuring.hpp"
#include "bench/net/services.hpp"

namespace {

using Clock = std::chrono::steady_clock;
using measuring::die;
using net_bench::Exchange;
using net_bench::Place;
using std::chrono::nanoseconds;

struct Subject {
  std::string name;
  std::string service;
  Place place;
  std::uint64_t amount = 0;
  std::vector<std::string> command;
};

constexpr std::size_t kWordsBeforeCommand = 4;

auto number_in(const std::string& text, std::uint64_t most) -> std::uint64_t {
  std::uint64_t number = 0;
  const auto end = text.data() + text.size();
  const auto [read_to, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc{} && read_to == end && number <= most) return number;
  std::fprintf(stderr, "net_measure: %s is no number up to %llu\n", text.c_str(),
               static_cast<unsigned long long>(most));
  std::exit(2);
}

auto read(const measuring::Subject& subject) -> Subject {
  const auto& words = subject.words;
  return {.name = subject.name,
          .service = words[0],
          .place = {.address = words[1], .port = static_cast<std::uint16_t>(number_in(words[2], 65535))},
          .amount = number_in(words[3], std::uint64_t{1} << 40),
          .command = {words.begin() + kWordsBeforeCommand, words.end()}};
}

// The CPU time of a process. 0 if the process has ended.
auto cpu_time(pid_t process) -> nanoseconds {
  clockid_t clock;
  timespec time{};
  if (clock_getcpuclockid(process, &clock) != 0 || clock_gettime(clock, &time) != 0) return {};
  return std::chrono::seconds{time.tv_sec} + nanoseconds{time.tv_nsec};
}

auto children_of(pid_t process) -> std::vector<pid_t> {
  std::vector<pid_t> children;
  std::error_code gone;
  const auto tasks = "/proc/" + std::to_string(process) + "/task";
  for (const auto& task : std::filesystem::directory_iterator{tasks, gone}) {
    const auto fd = open((task.path() / "children").c_str(), O_RDONLY | O_CLOEXEC);
    const auto text = measuring::read_all(fd);
    close(fd);
    for (std::size_t begin = 0; begin < text.size(); begin = text.find(' ', begin) + 1) {
      children.push_back(std::atoi(text.c_str() + begin));
    }
  }
  return children;
}

class Guest {
 public:
  explicit Guest(const std::vector<std::string>& command)
      : output_{memfd_create("output", MFD_CLOEXEC)}, messages_{memfd_create("messages", MFD_CLOEXEC)} {
    if (output_ < 0 || messages_ < 0) die("memfd_create");
    process_ = fork();
    if (process_ < 0) die("fork");
    if (process_ > 0) return;
    dup2(open("/dev/null", O_RDONLY), 0);
    dup2(output_, 1);
    dup2(messages_, 2);
    measuring::become(command);
  }
  Guest(const Guest&) = delete;
  auto operator=(const Guest&) -> Guest& = delete;
  ~Guest() {
    end();
    close(output_);
    close(messages_);
  }

  void ask_to_end(const Place& place) const {
    net_bench::ask_to_end(place);
    const auto deadline = Clock::now() + std::chrono::milliseconds{500};
    while (!has_ended() && Clock::now() < deadline) std::this_thread::sleep_for(kStep);
  }

  // Whether the guest has reported that it is ready.
  [[nodiscard]] auto wait_until_there(Clock::time_point deadline) const -> bool {
    while (!output().contains("net: ")) {
      if (Clock::now() > deadline || has_ended()) return false;
      std::this_thread::sleep_for(kStep);
    }
    return true;
  }

  [[nodiscard]] auto cpu() const -> nanoseconds { return cpu_time(process_); }
  [[nodiscard]] auto helpers_cpu() const -> nanoseconds {
    nanoseconds sum{};
    for (const auto child : children_of(process_)) sum += cpu_time(child);
    return sum;
  }
  [[nodiscard]] auto output() const -> std::string { return text_of(output_); }
  [[nodiscard]] auto messages() const -> std::string { return text_of(messages_); }

 private:
  static constexpr auto kStep = std::chrono::milliseconds{2};

  static auto text_of(int fd) -> std::string {
    std::string text(1 << 16, '\0');
    const auto size = pread(fd, text.data(), text.size(), 0);
    text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return text;
  }
  [[nodiscard]] auto has_ended() const -> bool {
    siginfo_t ended{};
    return waitid(P_PID, static_cast<id_t>(process_), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid != 0;
  }
  void end() const {
    kill(process_, SIGTERM);
    const auto deadline = Clock::now() + std::chrono::seconds{5};
    while (waitpid(process_, nullptr, WNOHANG) == 0) {
      if (Clock::now() > deadline) kill(process_, SIGKILL);
      std::this_thread::sleep_for(kStep);
    }
  }

  int output_;
  int messages_;
  pid_t process_ = -1;
};

struct Run {
  Exchange exchange;
  nanoseconds cpu{};
  nanoseconds helpers_cpu{};
  std::optional<std::int64_t> guest_ns;
};

auto run(const Subject& subject, std::chrono::seconds limit) -> std::expected<Run, std::string> {
  const Guest guest{subject.command};
  if (!guest.wait_until_there(Clock::now() + limit)) {
    std::fputs(guest.messages().c_str(), stderr);
    return std::unexpected{"the guest does not come up"};
  }
  const auto cpu = guest.cpu();
  const auto helpers_cpu = guest.helpers_cpu();
  const auto exchange = net_bench::use(subject.service, subject.place, subject.amount, limit);
  if (!exchange) {
    std::fputs(guest.messages().c_str(), stderr);
    return std::unexpected{exchange.error()};
  }
  const auto cpu_after = guest.cpu();
  const auto helpers_cpu_after = guest.helpers_cpu();
  guest.ask_to_end(subject.place);
  return Run{.exchange = *exchange,
             .cpu = cpu_after - cpu,
             .helpers_cpu = helpers_cpu_after - helpers_cpu,
             .guest_ns = measuring::each_ns_in(guest.output())};
}

void print(const Subject& subject, const std::expected<Run, std::string>& run) {
  const auto number = [](nanoseconds time) { return std::to_string(time.count()); };
  std::string line = "{\"subject\": \"" + subject.name + "\", \"amount\": " + std::to_string(subject.amount);
  if (run) {
    const auto& exchange = run->exchange;
    line += ", \"failure\": null, \"wall_ns\": " + number(exchange.took) +
            ", \"median_ns\": " + (exchange.median ? number(*exchange.median) : "null") +
            ", \"guest_ns\": " + (run->guest_ns ? std::to_string(*run->guest_ns) : "null") +
            ", \"cpu_ns\": " + number(run->cpu) + ", \"helpers_ns\": " + number(run->helpers_cpu) +
            ", \"lost\": " + std::to_string(exchange.lost) + "}";
  } else {
    line += ", \"failure\": \"" + run.error() + "\"}";
  }
  std::puts(line.c_str());
  std::fflush(stdout);
}

}  // namespace

auto main(int argc, char** argv) -> int {
  const auto rounds = argc == 3 ? std::atoi(argv[1]) : 0;
  const auto limit_seconds = argc == 3 ? std::atoi(argv[2]) : 0;
  if (rounds < 1 || limit_seconds < 1) {
    std::fputs("usage: net_measure ROUNDS LIMIT_SECONDS <SUBJECTS\n", stderr);
    return 2;
  }
  auto subjects = measuring::read_subjects(kWordsBeforeCommand + 1);
  measuring::for_each_in_turn(subjects, rounds, [&](const measuring::Subject& words) {
    const auto subject = read(words);
    print(subject, run(subject, std::chrono::seconds{limit_seconds}));
  });
}
