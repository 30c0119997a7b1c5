#include "hermitage/vmm/memory/mapped_file.hpp"

#include <cerrno>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hermitage/base/file_io.hpp"

namespace hermitage::vmm {
namespace {

constexpr std::size_t kMostRead = std::size_t{32} << 10;

auto failed(std::string_view call) -> std::unexpected<Error> {
  return system_failure(call, errno);
}

// Reads from the start, for any current position, with system calls that an isolated monitor can make, too.
auto read_all(int descriptor, std::size_t size) -> Result<std::vector<std::byte>> {
  if (::lseek(descriptor, 0, SEEK_SET) != 0) return failed("lseek");
  std::vector<std::byte> bytes(size);
  const auto count = base::read_full(descriptor, bytes);
  if (!count) return system_failure("read", count.error());
  if (*count < size) return fail(ErrorCode::host_failed, "was truncated while it was being read");
  return bytes;
}

}  // namespace

auto MappedFile::open(const std::string& path) -> Result<MappedFile> {
  // O_NONBLOCK: do not wait for a writer if the file is a pipe.
  Descriptor descriptor{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (!descriptor.is_open()) return system_failure(fmt::format("{}: open", path), errno);
  auto file = map(std::move(descriptor));
  if (!file) return fail(file.error().code, fmt::format("{}: {}", path, file.error().message()));
  return file;
}

auto MappedFile::map(Descriptor descriptor) -> Result<MappedFile> {
  struct stat status{};
  if (::fstat(descriptor.get(), &status) != 0) return failed("fstat");
  if (S_ISDIR(status.st_mode)) return fail(ErrorCode::host_failed, "is a directory");
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::host_failed, "is not a regular file");
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size <= kMostRead || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    auto bytes = read_all(descriptor.get(), size);
    if (!bytes) return std::unexpected{bytes.error()};
    return MappedFile{std::move(descriptor), std::move(*bytes)};
  }
  auto* const bytes = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor.get(), 0);
  if (bytes == MAP_FAILED) return failed("mmap");
  return MappedFile{std::move(descriptor), {static_cast<std::byte*>(bytes), size}};
}

auto MappedFile::read() && -> Result<MappedFile> {
  if (!is_mapped()) return std::move(*this);
  auto bytes = read_all(descriptor_.get(), bytes_.size());
  if (!bytes) return std::unexpected{bytes.error()};
  return MappedFile{std::move(descriptor_), std::move(*bytes)};
}

MappedFile::~MappedFile() {
  if (is_mapped()) ::munmap(bytes_.data(), bytes_.size());
}

}  // namespace hermitage::vmm
