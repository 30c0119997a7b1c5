// Reads any text as a configuration. If the loader accepts it, programs must accept it with the same meaning. The
// loader must accept the configurations that programs write.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hermitage/image/config.hpp"
#include "hermitage/loader/image/image_config.hpp"

namespace {

using namespace hermitage;

auto decoded(const loader::TomlText& text) -> std::string {
  std::string decoded;
  loader::TomlBytes bytes{text};
  while (const auto byte = bytes.next()) decoded += *byte;
  if (decoded.size() != text.size() || text != decoded) __builtin_trap();
  return decoded;
}

auto decoded(loader::TomlTexts texts) -> std::vector<std::string> {
  std::vector<std::string> all;
  while (const auto text = texts.next()) all.push_back(decoded(*text));
  return all;
}

void check_same(const loader::ImageConfig& config, const image::Config& expected) {
  if (decoded(config.kernel) != expected.kernel || decoded(config.kernel_args) != expected.kernel_args ||
      decoded(config.app_args) != expected.app_args || config.memory != expected.memory) {
    __builtin_trap();
  }
  auto variables = decoded(config.env_vars);
  std::erase_if(variables, [](const std::string& variable) {
    const auto equals = variable.find('=');
    return equals == std::string::npos || equals == 0;
  });
  if (variables != expected.env_vars) __builtin_trap();
}

}  // namespace

extern "C" auto LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) -> int {  // NOLINT
  const std::string_view toml{reinterpret_cast<const char*>(data), size};
  std::vector<image::Problem> warnings;
  const auto expected = image::parse_config(toml, warnings);
  const auto config = loader::read_image_config(toml);
  if (config && expected) check_same(*config, *expected);
  if (config && !expected) __builtin_trap();
  if (!config && config.error().view().empty()) __builtin_trap();
  if (!expected) return 0;
  const auto written = image::to_toml(*expected);
  const auto again = loader::read_image_config(written);
  if (!again || again->unknown_key) __builtin_trap();
  check_same(*again, *expected);
  return 0;
}
