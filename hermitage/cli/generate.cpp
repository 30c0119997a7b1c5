// Generates completions and manual pages from the tables of options, at build time.
// usage: hermitage_generate bash|zsh|fish OUT, hermitage_generate manual TEMPLATE OUT
#include <expected>
#include <span>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "hermitage/cli/commands.hpp"
#include "hermitage/cli/completion.hpp"
#include "hermitage/cli/manual.hpp"
#include "hermitage/cli/output.hpp"
#include "hermitage/launch/kernel_source.hpp"

namespace hermitage::cli {
namespace {

auto manual_of(const std::string& file) -> std::expected<std::string, std::string> {
  const auto bytes = launch::read_file(file);
  if (!bytes) return std::unexpected{fmt::format("{}: {}", file, bytes.error().message())};
  auto page = fill_in_manual({reinterpret_cast<const char*>(bytes->data()), bytes->size()}, describe_program());
  if (!page) return std::unexpected{fmt::format("{}:{}", file, page.error())};
  return page;
}

auto text_of(std::span<const std::string> words) -> std::expected<std::string, std::string> {
  if (words.size() == 2 && words[0] == "bash") return bash_completion(describe_program());
  if (words.size() == 2 && words[0] == "zsh") return zsh_completion(describe_program());
  if (words.size() == 2 && words[0] == "fish") return fish_completion(describe_program());
  if (words.size() == 3 && words[0] == "manual") return manual_of(words[1]);
  return std::unexpected{
      std::string{"usage: hermitage_generate bash|zsh|fish OUT, hermitage_generate manual TEMPLATE OUT"}};
}

auto generate(const Words& words) -> std::expected<void, std::string> {
  const auto text = text_of(words);
  if (!text) return std::unexpected{text.error()};
  return write_file(words.back(), *text);
}

}  // namespace
}  // namespace hermitage::cli

auto main(int argc, char** argv) -> int {
  const auto generated = hermitage::cli::generate({argv + 1, argv + argc});
  if (generated) return 0;
  hermitage::cli::complain({}, generated.error());
  return 1;
}
