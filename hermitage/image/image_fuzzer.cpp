// Opens any bytes as an image, as gzip data and as the archive in them, in both ways; what is right holds together.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "hermitage/image/image.hpp"
#include "testing/archives.hpp"

namespace {

using namespace hermitage::image;

// No lower than programs have them, so that what takes long is found: 64 KiB of gzip data unpack to less than 68 MiB.
constexpr Limits kLimits{.unpacked_size = 68 << 20};

void check_file(const Image& image, const File& file) {
  if (file.path.empty() || file.path.front() == '/' || file.path.back() == '/') __builtin_trap();
  if (image.find(file.path) != &file) __builtin_trap();
  const auto slash = file.path.rfind('/');
  if (slash != std::string_view::npos) {
    const auto* parent = image.find(file.path.substr(0, slash));
    if (parent == nullptr || parent->kind != FileKind::directory) __builtin_trap();
  }
  if (file.kind == FileKind::symbolic_link && (file.link_target.empty() || file.link_target.front() == '/')) {
    __builtin_trap();
  }
  if (file.bytes().size() != file.size) __builtin_trap();
  // Every byte is there.
  std::size_t sum = 0;
  for (const auto byte : file.bytes()) sum += static_cast<std::size_t>(byte);
  volatile auto used = sum;
  static_cast<void>(used);
}

void check(std::span<const std::byte> bytes) {
  const auto all = Image::open(bytes, {.limits = kLimits});
  const auto kernel = Image::open(bytes, {.limits = kLimits, .contents = Contents::kernel});
  if (all.has_value() != kernel.has_value()) __builtin_trap();
  if (!all) {
    if (all.error().message() != kernel.error().message() || all.error().text.empty()) __builtin_trap();
    return;
  }
  for (const auto& file : all->files()) check_file(*all, file);
  const auto expected = all->kernel();
  const auto found = kernel->kernel();
  if (!std::equal(expected.begin(), expected.end(), found.begin(), found.end())) __builtin_trap();
}

}  // namespace

extern "C" auto LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) -> int {  // NOLINT
  const auto bytes = std::as_bytes(std::span{data, size});
  check(bytes);
  // Whoever changes a byte breaks a check sum: what is within must be tried, too.
  check(hermitage::testing::gzip(bytes));
  return 0;
}
