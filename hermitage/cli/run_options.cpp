#include "hermitage/cli/run_options.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <functional>
#include <limits>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "hermitage/cli/input.hpp"
#include "hermitage/cli/options.hpp"
#include "hermitage/image/toml.hpp"

namespace hermitage::cli {
namespace {

// A host that has more processors than this is not known.
constexpr unsigned kMaxProcessor = 1 << 16;

auto at(const std::string& path, const toml::source_region& source, std::string_view message)
    -> std::unexpected<std::string> {
  return std::unexpected{fmt::format("{}:{}:{}: {}", path, source.begin.line, source.begin.column, message)};
}

// One section of the file. What it takes is marked; what is left at the end is unknown.
class Section {
 public:
  Section(const std::string& path, const toml::table& table) : path_{path}, table_{table} {}

  template <class Value>
  auto take(std::string_view key, std::optional<Value>& option) -> Outcome {
    const auto* const node = find(key);
    if (node == nullptr) return {};
    const auto value = node->value_exact<Value>();
    if (!value) return at(path_, node->source(), fmt::format("'{}' is of the wrong type", key));
    if (!option) option = value;
    return {};
  }

  auto take(std::string_view key, bool& option) -> Outcome {
    std::optional<bool> value;
    auto taken = take(key, value);
    option = option || value.value_or(false);
    return taken;
  }

  auto take(std::string_view key, std::optional<std::uint32_t>& option) -> Outcome {
    std::optional<std::int64_t> value;
    if (auto taken = take(key, value); !taken || !value) return taken;
    if (*value < 0 || *value > std::numeric_limits<std::uint32_t>::max()) {
      return at(path_, find(key)->source(), fmt::format("'{}' is out of range", key));
    }
    if (!option) option = static_cast<std::uint32_t>(*value);
    return {};
  }

  // A list of texts or numbers, joined by commas; or one text.
  auto take_list(std::string_view key, std::optional<std::string>& option) -> Outcome {
    const auto* const node = find(key);
    if (node == nullptr) return {};
    const auto* const array = node->as_array();
    if (array == nullptr) return take(key, option);
    std::string list;
    for (const auto& item : *array) {
      const auto number = item.value_exact<std::int64_t>();
      if (!number) return at(path_, item.source(), fmt::format("'{}' holds something that is no number", key));
      list += fmt::format("{}{}", list.empty() ? "" : ",", *number);
    }
    if (!option) option = list;
    return {};
  }

  auto take_texts(std::string_view key, std::vector<std::string>& texts) -> Outcome {
    const auto* const node = find(key);
    if (node == nullptr) return {};
    const auto* const array = node->as_array();
    if (array == nullptr) return at(path_, node->source(), fmt::format("'{}' is no list", key));
    for (const auto& item : *array) {
      const auto text = item.value_exact<std::string>();
      if (!text) return at(path_, item.source(), fmt::format("'{}' holds something that is no text", key));
      texts.push_back(*text);
    }
    return {};
  }

  auto refuse(std::string_view key) -> Outcome {
    const auto* const node = find(key);
    if (node == nullptr) return {};
    return at(path_, node->source(), fmt::format("'{}': not yet", key));
  }

  void warn_of_rest(std::string_view section, std::vector<std::string>& warnings) const {
    for (const auto& [key, node] : table_) {
      if (std::ranges::find(known_, key.str()) != known_.end()) continue;
      warnings.push_back(fmt::format("{}:{}:{}: unknown key '{}' in [{}]", path_, node.source().begin.line,
                                     node.source().begin.column, key.str(), section));
    }
  }

 private:
  auto find(std::string_view key) -> const toml::node* {
    known_.emplace_back(key);
    return table_.get(key);
  }

  const std::string& path_;
  const toml::table& table_;
  std::vector<std::string> known_;
};

auto all_of(std::initializer_list<std::function<Outcome()>> steps) -> Outcome {
  for (const auto& step : steps) {
    if (auto outcome = step(); !outcome) return outcome;
  }
  return {};
}

auto take_uhyve(Section& section, RunOptions& options) -> Outcome {
  return all_of({[&] { return section.take("output", options.output); },
                 [&] { return section.take("stats", options.stats); },
                 [&] { return section.take("tempdir", options.tempdir); },
                 [&] { return section.take("hermit_image_mode", options.image_mode); },
                 [&] { return section.take("file_isolation", options.file_isolation); },
                 [&] { return section.take("io_mode", options.io_mode); }, [&] { return section.refuse("gdb_port"); }});
}

auto take_memory(Section& section, RunOptions& options) -> Outcome {
  return all_of({[&] { return section.take("memory_size", options.memory_size); },
                 [&] { return section.take("no_aslr", options.no_aslr); },
                 [&] { return section.take("thp", options.huge_pages); },
                 [&] { return section.take("ksm", options.merges_pages); }});
}

auto take_cpu(Section& section, RunOptions& options) -> Outcome {
  return all_of({[&] { return section.take("cpu_count", options.cpu_count); },
                 [&] { return section.take("cpu_pm", options.manages_power); },
                 [&] { return section.take_list("affinity", options.affinity); },
                 [&] { return section.take("pit", options.timer); }});
}

auto take_guest(Section& section, RunOptions& options) -> Outcome {
  std::vector<std::string> variables;
  auto taken = section.take_texts("env_vars", variables);
  options.env_vars.insert(options.env_vars.begin(), variables.begin(), variables.end());
  return taken;
}

auto set_cpu_count(RunOptions& options, const char* argument) -> Outcome {
  const std::string_view text{argument};
  std::uint32_t count = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{} || rest != text.data() + text.size() || count == 0) {
    return std::unexpected{std::string{"not a number above 0"}};
  }
  options.cpu_count = count;
  return {};
}

auto set_engine(RunOptions& options, const char* argument) -> Outcome {
  constexpr std::pair<std::string_view, Engine> kEngines[] = {
      {"auto", Engine::any}, {"kvm", Engine::kvm}, {"qemu", Engine::qemu}};
  const auto* const found = std::ranges::find(kEngines, argument, &std::pair<std::string_view, Engine>::first);
  if (found == std::end(kEngines)) return std::unexpected{std::string{"not one of auto, kvm and qemu"}};
  options.engine = found->second;
  return {};
}

auto set_timeout(RunOptions& options, const char* argument) -> Outcome {
  constexpr double kMaxSeconds = 1e9;
  char* end = nullptr;
  const double seconds = std::strtod(argument, &end);
  if (end == argument || *end != '\0' || !(seconds > 0) || seconds > kMaxSeconds) {
    return std::unexpected{std::string{"not a number of seconds above 0"}};
  }
  options.timeout_seconds = seconds;
  return {};
}

auto add_file_mapping(RunOptions& options, const char* argument) -> Outcome {
  auto mapping = parse_file_mapping(argument);
  if (!mapping) return std::unexpected{std::string{"neither HOST:GUEST nor HOST:GUEST:ro"}};
  options.file_mappings.push_back(std::move(*mapping));
  return {};
}

auto not_yet(RunOptions& /*options*/, const char* /*argument*/) -> Outcome {
  return std::unexpected{std::string{"not yet"}};
}

using Option = OptionOf<RunOptions>;
constexpr std::array kOptions{
    Option{'m', "memory-size", "SIZE",
           "the guest's memory, a multiple of 2 MiB: 512MiB, 2G; by default what the image asks for, and at least 64M",
           set<&RunOptions::memory_size>},
    Option{'c', "cpu-count", "N",
           "the guest's processors, each a thread; by default what the image asks for, and at least 1", set_cpu_count},
    Option{'a', "affinity", "LIST", "the host's processor for each of the guest's: 0-1,3", set<&RunOptions::affinity>},
    Option{'e', "env-vars", "KEY=VALUE", "an environment variable for the guest, or `host` for all of this program's",
           set<&RunOptions::env_vars>},
    Option{0, "kernel-arg", "ARG", "an argument of the kernel, instead of those that the image has for it",
           set<&RunOptions::kernel_args>},
    Option{'o', "output", "FILE", "where the guest's output goes: a file, or `none`", set<&RunOptions::output>},
    Option{0, "timeout", "SECONDS", "stop the guest after this time, counted from the start of the program",
           set_timeout},
    Option{0, "engine", "NAME",
           "what runs the guest: `kvm`, the monitor, `qemu`, or `auto`, the monitor where it can (the default)",
           set_engine},
    Option{0, "qemu-arg", "ARG", "one more word for QEMU's command line", set<&RunOptions::qemu_args>},
    Option{0, "loader", "FILE", "the boot loader for QEMU", set<&RunOptions::loader>},
    Option{0, "dry-run", nullptr, "print QEMU's command line for a shell, and run nothing", set<&RunOptions::dry_run>},
    Option{0, "no-aslr", nullptr, "put the guest where it always is, not at a random address",
           set<&RunOptions::no_aslr>},
    Option{0, "thp", nullptr, "back the guest's memory with transparent huge pages", set<&RunOptions::huge_pages>},
    Option{0, "ksm", nullptr, "let the host merge pages that are the same in several guests",
           set<&RunOptions::merges_pages>},
    Option{0, "pit", nullptr, "give the guest an i8254 timer", set<&RunOptions::timer>},
    Option{0, "cpu-pm", nullptr, "let the guest's processors wait without telling the host",
           set<&RunOptions::manages_power>},
    Option{0, "hermit-image-mode", "MODE",
           "a packed image's files: `external`, by hypercalls (the default), or `internal`, in the guest's memory",
           set<&RunOptions::image_mode>},
    Option{0, "file-mapping", "HOST:GUEST[:ro]",
           "show the guest a file or directory of the host's; `ro`: it cannot change it", add_file_mapping},
    Option{0, "io-mode", "host=FLAGS", "open files for the guest `direct`, past the host's cache, `sync`, or both",
           set<&RunOptions::io_mode>},
    Option{0, "tempdir", "DIR", "where the files that the guest makes elsewhere are kept meanwhile",
           set<&RunOptions::tempdir>},
    Option{0, "temp-limit", "SIZE", "how much these may hold together; 1G by default", set<&RunOptions::temp_limit>},
    Option{0, "file-isolation", "MODE",
           "keep the host's files out of reach: `normal`, as far as the host can (the default), `strict` or `none`",
           set<&RunOptions::file_isolation>},
    Option{0, "sandbox", "MODE",
           "give up system calls and privileges: `normal` (the default), or `none`, for debugging",
           set<&RunOptions::sandbox>},
    Option{0, "config", "FILE", "options from a TOML file, as Uhyve takes them", set<&RunOptions::config>},
    Option{0, "stats", nullptr, "say at the end what the guest did and took, on standard error",
           set<&RunOptions::stats>},
    Option{0, "stats-file", "FILE", "write that as JSON", set<&RunOptions::stats_file>},
    Option{0, "trace", nullptr, "show every hypercall on standard error", set<&RunOptions::trace>},
    Option{0, "verbose", nullptr, "show all registers of a guest that died", set<&RunOptions::verbose>},
    // Options of Uhyve's that have no meaning here so far.
    Option{'s', "gdb-port", nullptr, nullptr, not_yet},
    Option{'n', "net", nullptr, nullptr, not_yet},
};

// Those that Uhyve takes, too, and only where no option is given.
auto add_environment(RunOptions& options) -> Outcome {
  const auto given = [](const char* name) -> const char* {
    const char* const value = std::getenv(name);
    return value != nullptr && *value != '\0' ? value : nullptr;
  };
  if (const auto* const size = given("HERMIT_MEMORY_SIZE"); size != nullptr && !options.memory_size) {
    options.memory_size = size;
  }
  if (const auto* const config = given("HERMIT_CONFIG"); config != nullptr && options.config.empty()) {
    options.config = config;
  }
  const auto* const engine = given("HERMITAGE_ENGINE");
  if (engine != nullptr && !options.engine) {
    if (const auto set = set_engine(options, engine); !set) {
      return std::unexpected{fmt::format("HERMITAGE_ENGINE '{}': {}", engine, set.error())};
    }
  }
  const auto* const cpus = given("HERMIT_CPU_COUNT");
  if (cpus == nullptr || options.cpu_count) return {};
  if (set_cpu_count(options, cpus)) return {};
  return std::unexpected{fmt::format("HERMIT_CPU_COUNT '{}': not a number above 0", cpus)};
}

auto parse_number(std::string_view text) -> std::optional<unsigned> {
  unsigned number = 0;
  const auto* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || rest != end || number >= kMaxProcessor) return std::nullopt;
  return number;
}

auto read_words(std::vector<std::string> words, RunOptions& options) -> Outcome {
  auto parsed = parse_options<kOptions>(words, Order::options_first, options);
  if (!parsed) return std::unexpected{parsed.error()};
  options.wants_help = parsed->wants_help;
  if (options.wants_help) return {};
  options.words = std::move(parsed->operands);
  if (options.words.empty()) return std::unexpected{std::string{"an IMAGE is needed"}};
  options.image = options.words.front();
  options.file = options.image;
  options.words.erase(options.words.begin());
  return add_environment(options);
}

}  // namespace

auto parse_run_options(std::vector<std::string> words) -> std::expected<RunOptions, std::string> {
  std::expected<RunOptions, std::string> options;
  if (auto read = read_words(std::move(words), *options); !read) options = std::unexpected{std::move(read.error())};
  return options;
}

auto run_help() -> std::string {
  std::string text =
      "Run a Hermit kernel or image in a virtual machine: on Linux KVM (x86_64), or in QEMU (all architectures)\n"
      "Usage: hermitage run [OPTIONS] IMAGE [WORD...]\n"
      "       hermitage run [OPTIONS] IMAGE -- KERNEL_WORD... -- [WORD...]\n\nOptions:\n";
  text += options_help(texts_of(std::span<const Option>{kOptions}));
  text +=
      "\nIMAGE, where - is standard input, ends the options. All words behind it are the application's; only behind "
      "a --\n"
      "right after IMAGE, those before another -- are the kernel's. Arguments given for the kernel replace those that "
      "the\n"
      "image has for it, and arguments given for the application those for the application.\n"
      "HERMIT_MEMORY_SIZE, HERMIT_CPU_COUNT, HERMIT_CONFIG and HERMITAGE_ENGINE stand in for the options of these "
      "names.\n"
      "Exit status: the guest's (modulo 256); 2 wrong usage; 124 --timeout passed; 125 the machine could not be "
      "started;\n"
      "126 the guest died; 128+n ended by signal n; 159 ended by the sandbox.\n";
  return text;
}

auto add_config_file(RunOptions& options, const std::string& path, std::vector<std::string>& warnings)
    -> std::expected<void, std::string> {
  const auto bytes = read_file(path);
  if (!bytes) return std::unexpected{fmt::format("{}: {}", path, bytes.error())};
  const auto parsed = toml::parse(std::string_view{reinterpret_cast<const char*>(bytes->data()), bytes->size()});
  if (!parsed) return at(path, parsed.error().source(), parsed.error().description());

  using Taker = Outcome (*)(Section&, RunOptions&);
  constexpr std::pair<std::string_view, Taker> kSections[] = {
      {"uhyve", take_uhyve}, {"memory", take_memory}, {"cpu", take_cpu}, {"guest", take_guest}};
  for (const auto& [key, node] : parsed.table()) {
    const auto* const known = std::ranges::find(kSections, key.str(), &std::pair<std::string_view, Taker>::first);
    if (known == std::end(kSections)) {
      const auto what = node.is_table() ? fmt::format("section [{}]", key.str()) : fmt::format("key '{}'", key.str());
      warnings.push_back(
          fmt::format("{}:{}:{}: unknown {}", path, node.source().begin.line, node.source().begin.column, what));
      continue;
    }
    const auto* const table = node.as_table();
    if (table == nullptr) return at(path, node.source(), fmt::format("'{}' is no section", key.str()));
    Section section{path, *table};  // NOLINT(misc-const-correctness): it learns what is taken from it
    if (auto taken = known->second(section, options); !taken) return taken;
    section.warn_of_rest(key.str(), warnings);
  }
  return {};
}

auto parse_affinity(std::string_view text) -> std::optional<std::vector<unsigned>> {
  std::vector<unsigned> processors;
  for (;;) {
    const auto end = std::min(text.find_first_of(", "), text.size());
    const auto item = text.substr(0, end);
    const auto dash = item.find('-');
    const auto first = parse_number(item.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_number(item.substr(dash + 1));
    if (!first || !last || *first > *last) return std::nullopt;
    for (auto processor = *first; processor <= *last; ++processor) processors.push_back(processor);
    if (end == text.size()) return processors;
    text.remove_prefix(end + 1);
  }
}

auto option_for_qemu(const RunOptions& options) -> const char* {
  if (options.dry_run) return "--dry-run";
  if (!options.qemu_args.empty()) return "--qemu-arg";
  return options.loader.empty() ? nullptr : "--loader";
}

auto for_qemu_only(std::string_view option) -> std::string {
  return fmt::format("{} is for QEMU only", option);
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

}  // namespace hermitage::cli
