// Splits any text. The kernel's line must contain none of the loader's arguments, and splitting it again must not
// change it. The whole text must consist of words.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "hermitage/loader/command_line.hpp"

extern "C" auto LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) -> int {  // NOLINT
  using namespace hermitage::loader;
  const std::string_view line{reinterpret_cast<const char*>(data), size};
  LoaderOptions options;
  std::string once(size, '\0');
  once.resize(split_command_line(line, once, options));
  std::string twice(once.size(), '\0');
  twice.resize(split_command_line(once, twice, options));
  if (twice != once) __builtin_trap();
  auto rest = line;
  while (has_words(rest)) {
    ShellCharacters characters{take_word(rest)};
    while (characters.next()) continue;
  }
  return 0;
}
