#include "hermitage/launch/launch_options.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace hermitage::launch {
namespace {

// Above the number of CPUs of any known host.
constexpr unsigned kMaxCpu = 1 << 16;

template <class Number>
auto whole_number(std::string_view text) -> std::optional<Number> {
  Number number = 0;
  const auto* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || rest != end) return std::nullopt;
  return number;
}

auto parse_cpu(std::string_view text) -> std::optional<unsigned> {
  const auto number = whole_number<unsigned>(text);
  return number && *number < kMaxCpu ? number : std::nullopt;
}

auto variable(const char* name) -> const char* {
  const char* const value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : nullptr;
}

}  // namespace

auto option_for_qemu(const LaunchOptions& options) -> const char* {
  if (!options.qemu_args.empty()) return "--qemu-arg";
  return options.loader.empty() ? nullptr : "--loader";
}

auto options_of_environment(const LaunchOptions& given) -> OrFailure<LaunchOptions> {
  LaunchOptions options;
  if (const auto* const size = variable("HERMIT_MEMORY_SIZE"); size != nullptr && !given.memory_size) {
    options.memory_size = size;
  }
  if (const auto* const config = variable("HERMIT_CONFIG"); config != nullptr && given.config.empty()) {
    options.config = config;
  }
  if (const auto* const port = variable("HERMIT_GDB_PORT"); port != nullptr && !given.gdb) {
    if (!parse_port(port)) {
      return wrong_usage(fmt::format("HERMIT_GDB_PORT '{}': not a port from 0 to 65535", port));
    }
    options.gdb = port;
  }
  if (const auto* const net = variable("HERMITAGE_NET"); net != nullptr && !given.net) options.net = net;
  if (const auto* const engine = variable("HERMITAGE_ENGINE"); engine != nullptr && !given.engine) {
    options.engine = parse_engine(engine);
    if (!options.engine) {
      return wrong_usage(fmt::format("HERMITAGE_ENGINE '{}': not one of auto, kvm and qemu", engine));
    }
  }
  if (const auto* const count = variable("HERMIT_CPU_COUNT"); count != nullptr && !given.cpu_count) {
    options.cpu_count = parse_cpu_count(count);
    if (!options.cpu_count) {
      return wrong_usage(fmt::format("HERMIT_CPU_COUNT '{}': not a number above 0", count));
    }
  }
  return options;
}

auto parse_cpu_count(std::string_view text) -> std::optional<std::uint32_t> {
  const auto count = whole_number<std::uint32_t>(text);
  return count && *count > 0 ? count : std::nullopt;
}

auto parse_profile_rate(std::string_view text) -> std::optional<std::uint32_t> {
  const auto rate = whole_number<std::uint32_t>(text);
  return rate && *rate > 0 && *rate <= kMaxProfileRate ? rate : std::nullopt;
}

auto parse_port(std::string_view text) -> std::optional<std::uint16_t> {
  return whole_number<std::uint16_t>(text);
}

auto parse_engine(std::string_view text) -> std::optional<Engine> {
  if (text == "auto") return Engine::any;
  if (text == "kvm") return Engine::kvm;
  if (text == "qemu") return Engine::qemu;
  return std::nullopt;
}

auto parse_affinity(std::string_view text) -> std::optional<std::vector<unsigned>> {
  std::vector<unsigned> cpus;
  for (;;) {
    const auto end = std::min(text.find_first_of(", "), text.size());
    const auto item = text.substr(0, end);
    const auto dash = item.find('-');
    const auto first = parse_cpu(item.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_cpu(item.substr(dash + 1));
    if (!first || !last || *first > *last) return std::nullopt;
    for (auto cpu = *first; cpu <= *last; ++cpu) cpus.push_back(cpu);
    if (end == text.size()) return cpus;
    text.remove_prefix(end + 1);
  }
}

auto parse_file_mapping(std::string_view text) -> std::optional<base::FileMapping> {
  constexpr std::string_view kReadOnly = ":ro";
  const bool is_read_only = text.ends_with(kReadOnly);
  if (is_read_only) text.remove_suffix(kReadOnly.size());
  const auto colon = text.find(':');
  if (colon == 0 || colon == std::string_view::npos || colon + 1 == text.size()) return std::nullopt;
  if (text.find(':', colon + 1) != std::string_view::npos) return std::nullopt;
  return base::FileMapping{.host = std::string{text.substr(0, colon)},
                           .guest = std::string{text.substr(colon + 1)},
                           .is_read_only = is_read_only};
}

auto parse_io_mode(std::string_view text) -> std::optional<IoMode> {
  constexpr std::string_view kHost = "host=";
  if (!text.starts_with(kHost)) return std::nullopt;
  text.remove_prefix(kHost.size());
  IoMode mode;
  for (;;) {
    const auto flag = text.substr(0, text.find(','));
    if (flag == "direct") {
      mode.is_direct = true;
    } else if (flag == "sync") {
      mode.is_synchronous = true;
    } else {
      return std::nullopt;
    }
    if (flag.size() == text.size()) return mode;
    text.remove_prefix(flag.size() + 1);
  }
}

auto split_words(std::vector<std::string> words) -> GuestWords {
  if (words.empty()) return {};
  if (words.front() != "--") return {.kernel = std::nullopt, .application = std::move(words)};
  words.erase(words.begin());
  const auto dashes = std::ranges::find(words, "--");
  if (dashes == words.end()) return {.kernel = std::nullopt, .application = std::move(words)};
  return {.kernel = std::vector(words.begin(), dashes), .application = std::vector(dashes + 1, words.end())};
}

}  // namespace hermitage::launch
