#include "bench/mapping.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

namespace hermitage::bench {
namespace {

[[noreturn]] void fail(const char* what) {
  throw std::system_error{errno, std::generic_category(), what};
}

constexpr int kProtection = PROT_READ | PROT_WRITE;

}  // namespace

Mapping::Mapping(std::size_t size) : size_{size} {
  void* const memory = ::mmap(nullptr, size, kProtection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail("mmap");
  memory_ = static_cast<std::byte*>(memory);
}

Mapping::Mapping(Mapping&& other) noexcept
    : memory_{std::exchange(other.memory_, nullptr)}, size_{std::exchange(other.size_, 0)} {}

Mapping::~Mapping() {
  if (memory_ != nullptr) ::munmap(memory_, size_);
}

TemporaryFile::TemporaryFile(std::span<const std::byte> bytes) {
  auto path = (std::filesystem::temp_directory_path() / "hermitage-bench-XXXXXX").string();
  descriptor_ = ::mkstemp(path.data());
  if (descriptor_ < 0) fail("mkstemp");
  ::unlink(path.c_str());
  while (!bytes.empty()) {
    const auto written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0) fail("write");
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

TemporaryFile::TemporaryFile(TemporaryFile&& other) noexcept : descriptor_{std::exchange(other.descriptor_, -1)} {}

TemporaryFile::~TemporaryFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

auto TemporaryFile::map_over(std::span<std::byte> pages, std::uint64_t offset) const noexcept -> bool {
  return ::mmap(pages.data(), pages.size(), kProtection, MAP_PRIVATE | MAP_FIXED, descriptor_,
                static_cast<off_t>(offset)) != MAP_FAILED;
}

}  // namespace hermitage::bench
