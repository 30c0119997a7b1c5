// Opens any bytes as an image, as gzip data, and as the archive in gzip data. If programs also accept an image, they
// must find the same kernel and the same command line.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "hermitage/base/arguments.hpp"
#include "hermitage/image/image.hpp"
#include "hermitage/loader/image/boot_image.hpp"
#include "hermitage/loader/log.hpp"
#include "testing/archives.hpp"

namespace {

using namespace hermitage;
using namespace hermitage::loader;

constexpr std::uint64_t kStart = 0x100000;
constexpr std::uint64_t kSize = 8 << 20;

// Of two variables with the same name, the first counts. The monitor removes the others before boot_arguments.
auto without_seconds(std::vector<std::string> variables) -> std::vector<std::string> {
  std::vector<std::string> first;
  const auto key_of = [](const std::string& variable) { return variable.substr(0, variable.find('=')); };
  for (const auto& variable : variables) {
    if (std::ranges::find(first, key_of(variable), key_of) == first.end()) first.push_back(variable);
  }
  return first;
}

void check(std::span<const std::byte> file) {
  static std::vector<std::byte> bytes(kSize);
  static std::vector<std::byte> arena_bytes(64 << 10);
  if (file.size() > kSize) return;
  std::ranges::copy(file, bytes.begin());
  const PhysicalMemory memory{bytes, {kStart}};
  MemoryMap map;
  if (!map.add_ram({{kStart}, {kStart + kSize}})) __builtin_trap();
  Arena arena{arena_bytes};
  const auto opened = loader::open_image(memory, map, {{kStart}, {kStart + file.size()}}, "", false,
                                         {.bounds = {{kStart}, {kStart + kSize}}, .alignment = 4096}, arena);
  if (!opened) {
    if (opened.error().view().empty()) __builtin_trap();
    return;
  }
  if (!opened->archive) return;
  const auto kernel = memory.bytes(opened->kernel);
  if (!kernel || !contains(*opened->archive, opened->kernel)) __builtin_trap();

  const auto expected = image::Image::open(file);
  if (!expected) return;
  if (!std::ranges::equal(*kernel, expected->kernel())) __builtin_trap();
  const auto& config = expected->config();
  const auto line = base::boot_arguments({.program = {},
                                          .kernel = config.kernel_args,
                                          .application = config.app_args,
                                          .environment = without_seconds(config.env_vars)});
  if (!line || *line != opened->command_line) __builtin_trap();
}

}  // namespace

extern "C" auto LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) -> int {  // NOLINT
  loader::set_log_level(loader::LogLevel::off);
  const auto bytes = std::as_bytes(std::span{data, size});
  check(bytes);
  // A mutated byte breaks a checksum, so the content is also tested with valid checksums.
  check(hermitage::testing::gzip(bytes));
  return 0;
}
