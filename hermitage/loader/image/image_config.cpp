#include "hermitage/loader/image/image_config.hpp"

#include <array>
#include <cstddef>

#include "hermitage/entry/image_path.hpp"
#include "hermitage/entry/quantity.hpp"

namespace hermitage::loader {
namespace {

using Kind = TomlValue::Kind;

constexpr const char* kTwice = "the same a second time";

class ConfigReader {
 public:
  explicit ConfigReader(std::string_view toml) noexcept : toml_{toml} {}

  [[nodiscard]] auto read() noexcept -> Result<ImageConfig> {
    const auto read = read_all();
    if (read) return config_;
    return failure(
        entry::Message{}.append("hermit.toml:").append_decimal(toml_.line()).append(": ").append(read.error()));
  }

 private:
  // The keys found so far. Each may occur once.
  enum Seen : std::uint32_t {
    kVersion = 1 << 0,
    kKernel = 1 << 1,
    kInput = 1 << 2,
    kKernelArgs = 1 << 3,
    kAppArgs = 1 << 4,
    kEnvVars = 1 << 5,
    kRequirements = 1 << 6,
    kMemory = 1 << 7,
    kCpus = 1 << 8,
  };
  enum class Table : std::uint8_t { root, input, requirements, unknown };

  [[nodiscard]] auto read_all() noexcept -> Result<void> {
    for (;;) {
      const auto has_more = toml_.next();
      if (!has_more) return std::unexpected{has_more.error()};
      if (!*has_more) break;
      const auto& item = toml_.item();
      const auto taken = item.is_table ? take_table(item.name) : take_pair(item.name, item.value);
      if (!taken) return taken;
    }
    if ((seen_ & kVersion) == 0) return failure("there is no version");
    if ((seen_ & kKernel) == 0) return failure("missing key kernel");
    if ((seen_ & kInput) == 0) return failure("missing table [input]");
    if ((seen_ & kKernelArgs) == 0) return failure("missing key input.kernel_args");
    if ((seen_ & kAppArgs) == 0) return failure("missing key input.app_args");
    return {};
  }

  [[nodiscard]] auto take_table(const TomlText& name) noexcept -> Result<void> {
    unknown_count_ = root_count_;
    if (name == "version" || name == "kernel") return failure("version and kernel are strings, not tables");
    if (name == "input") {
      table_ = Table::input;
      return see(kInput);
    }
    if (name == "requirements") {
      table_ = Table::requirements;
      return see(kRequirements);
    }
    table_ = Table::unknown;
    return note_unknown(name);
  }

  [[nodiscard]] auto take_pair(const TomlText& key, const TomlValue& value) noexcept -> Result<void> {
    switch (table_) {
      case Table::root:
        if (key == "version") return take_version(value);
        if (key == "kernel") return take_kernel(value);
        if (key == "input" || key == "requirements") {
          return failure("this loader supports input and requirements only as tables, as in [input]");
        }
        break;
      case Table::input:
        if (key == "kernel_args") return take_texts(value, config_.kernel_args, kKernelArgs);
        if (key == "app_args") return take_texts(value, config_.app_args, kAppArgs);
        if (key == "env_vars") return take_texts(value, config_.env_vars, kEnvVars);
        break;
      case Table::requirements:
        if (key == "memory") return take_memory(value);
        if (key == "cpus") return take_cpus(value);
        break;
      case Table::unknown: break;
    }
    return note_unknown(key);
  }

  [[nodiscard]] auto take_version(const TomlValue& value) noexcept -> Result<void> {
    if (value.kind != Kind::text || value.text != "1") return failure("only version = \"1\" is supported");
    return see(kVersion);
  }

  [[nodiscard]] auto take_kernel(const TomlValue& value) noexcept -> Result<void> {
    if (value.kind != Kind::text || value.text == "") return failure("kernel is not a path");
    config_.kernel = value.text;
    return see(kKernel);
  }

  [[nodiscard]] auto take_texts(const TomlValue& value, TomlTexts& texts, Seen bit) noexcept -> Result<void> {
    if (value.kind != Kind::array || !value.has_only_texts) return failure("the value is not an array of strings");
    if (value.element_count > entry::kMaxConfigElements)
      return failure("an array has more than 4096 elements (the limit)");
    texts = TomlTexts{value.elements};
    return see(bit);
  }

  [[nodiscard]] auto take_memory(const TomlValue& value) noexcept -> Result<void> {
    constexpr std::size_t kLongest = 64;
    entry::FixedText<kLongest + 1> text;
    if (value.kind == Kind::text && value.text.size() <= kLongest) {
      TomlBytes bytes{value.text};
      while (const auto byte = bytes.next()) text.append(*byte);
    }
    config_.memory = entry::parse_quantity(text);
    if (!config_.memory) return failure("requirements.memory is not a size such as \"64 MiB\"");
    return see(kMemory);
  }

  [[nodiscard]] auto take_cpus(const TomlValue& value) noexcept -> Result<void> {
    if (value.kind != Kind::number || value.number > UINT32_MAX) {
      return failure("requirements.cpus is not a whole number from 0 to 4294967295");
    }
    return see(kCpus);
  }

  [[nodiscard]] auto see(Seen bit) noexcept -> Result<void> {
    if ((seen_ & bit) != 0) return failure(kTwice);
    seen_ |= bit;
    return {};
  }

  // Records an unknown name of a table, or of a key in the current table. A table occurs only once, so the keys of
  // previous tables are not needed.
  [[nodiscard]] auto note_unknown(const TomlText& name) noexcept -> Result<void> {
    const bool is_of_root = table_ == Table::root || toml_.item().is_table;
    for (auto i = is_of_root ? 0 : root_count_; i < unknown_count_; ++i) {
      if (unknown_[i] == name) return failure(kTwice);
    }
    if (unknown_count_ == kMaxUnknownKeys) return failure("more than 64 unknown keys, the limit");
    unknown_[unknown_count_++] = name;
    if (is_of_root) root_count_ = unknown_count_;
    if (!config_.unknown_key) config_.unknown_key = name;
    return {};
  }

  TomlReader toml_;
  ImageConfig config_;
  Table table_ = Table::root;
  // The unknown names: those of the root, followed by those of the current table.
  std::array<TomlText, kMaxUnknownKeys> unknown_;
  std::size_t root_count_ = 0;
  std::size_t unknown_count_ = 0;
  std::uint32_t seen_ = 0;
};

}  // namespace

auto read_image_config(std::string_view toml) noexcept -> Result<ImageConfig> {
  if (toml.size() > entry::kMaxConfigSize) return failure("hermit.toml is larger than the limit of 256 KiB");
  return ConfigReader{toml}.read();
}

}  // namespace hermitage::loader
