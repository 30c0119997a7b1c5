// The command line of runc and crun, as far as it matters here.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hermitage::oci {

// Options are written --name VALUE, --name=VALUE, or with one dash. Options that are not known take no value.
class CommandLine {
 public:
  // `words` are the arguments without the name of the program.
  explicit CommandLine(std::vector<std::string> words);

  [[nodiscard]] auto words() const noexcept -> const std::vector<std::string>& { return words_; }

  // The subcommand, such as "create". It is empty if the command line has no subcommand.
  [[nodiscard]] auto command() const -> std::string;

  // The last value of an option before the subcommand, and of one after it, by its long name; nothing if it is not
  // given. The value of an option that takes none is empty.
  [[nodiscard]] auto global_option(std::string_view name) const -> std::optional<std::string>;
  [[nodiscard]] auto option(std::string_view name) const -> std::optional<std::string>;

  // The arguments of the subcommand that are not options, such as the name of the container.
  [[nodiscard]] auto operands() const noexcept -> const std::vector<std::string>& { return operands_; }

  // The options before the subcommand, without those of the log, followed by `command`.
  [[nodiscard]] auto query(const std::vector<std::string>& command) const -> std::vector<std::string>;

  // All words, with --preserve-fds `count` instead of the present one.
  [[nodiscard]] auto preserving(unsigned count) const -> std::vector<std::string>;

 private:
  struct Option {
    std::string name;  // the long one
    std::string value;
    std::size_t first = 0;  // index of its first word
    std::size_t count = 0;  // of words
  };

  // Reads the option at `index`, which is at most the last word.
  [[nodiscard]] auto read_option(std::size_t index, bool is_global) const -> Option;

  std::vector<std::string> words_;
  std::vector<Option> global_options_;
  std::vector<Option> options_;
  std::vector<std::string> operands_;
  std::size_t command_ = 0;  // index of the subcommand, or the number of words
};

}  // namespace hermitage::oci
