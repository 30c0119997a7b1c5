#include "hermitage/vmm/mapped_file.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace hermitage::vmm {
namespace {

auto unreadable(int error_number) -> std::unexpected<Error> {
  return fail(ErrorCode::host_failed, std::strerror(error_number));
}

}  // namespace

auto MappedFile::open(const std::string& path) -> Result<MappedFile> {
  // Without waiting for a writer, should it be a pipe.
  Descriptor descriptor{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (!descriptor.is_open()) return unreadable(errno);
  return map(std::move(descriptor));
}

auto MappedFile::map(Descriptor descriptor) -> Result<MappedFile> {
  struct stat status{};
  if (::fstat(descriptor.get(), &status) != 0) return unreadable(errno);
  if (S_ISDIR(status.st_mode)) return unreadable(EISDIR);
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::host_failed, "is not a regular file");
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) return MappedFile{std::move(descriptor), {}};
  auto* const bytes = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor.get(), 0);
  if (bytes == MAP_FAILED) return unreadable(errno);
  return MappedFile{std::move(descriptor), {static_cast<std::byte*>(bytes), size}};
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

}  // namespace hermitage::vmm
