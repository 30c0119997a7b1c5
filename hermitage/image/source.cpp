#include "hermitage/image/source.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hermitage::image {
namespace {

// Small enough for the second level cache, together with the unpacked data.
constexpr std::size_t kPieceSize = 128 << 10;

auto unreadable(const std::filesystem::path& path, std::string why) -> std::unexpected<Problem> {
  return std::unexpected{Problem{.code = ProblemCode::unreadable, .file = path.string(), .text = std::move(why)}};
}

// A system call that failed.
auto failed(const std::filesystem::path& path, std::string_view call) -> std::unexpected<Problem> {
  return unreadable(path, std::string{call}.append(": ").append(std::strerror(errno)));
}

// 0: unknown.
auto size_of(int descriptor) -> std::uint64_t {
  struct stat status{};
  const bool has_size = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  return has_size ? static_cast<std::uint64_t>(status.st_size) : 0;
}

}  // namespace

auto MemorySource::next() -> std::expected<std::span<const std::byte>, Problem> {
  const auto piece = bytes_.subspan(done_, std::min(kPieceSize, bytes_.size() - done_));
  done_ += piece.size();
  return piece;
}

auto MemorySource::rewind() -> std::expected<void, Problem> {
  done_ = 0;
  return {};
}

FileSource::FileSource(std::filesystem::path path, int descriptor)
    : path_{std::move(path)}, descriptor_{descriptor}, total_{size_of(descriptor)}, buffer_(kPieceSize) {}

auto FileSource::open(const std::filesystem::path& path) -> std::expected<std::unique_ptr<FileSource>, Problem> {
  base::Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file.is_open()) return failed(path, "open");
  auto source = borrow(file.get(), path);
  source->own_ = std::move(file);
  return source;
}

auto FileSource::borrow(int descriptor, const std::filesystem::path& path) -> std::unique_ptr<FileSource> {
  return std::unique_ptr<FileSource>{new FileSource{path, descriptor}};
}

auto FileSource::next() -> std::expected<std::span<const std::byte>, Problem> {
  for (;;) {
    const auto count = ::read(descriptor_, buffer_.data(), buffer_.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed(path_, "read");
    done_ += static_cast<std::uint64_t>(count);
    return std::span{buffer_}.first(static_cast<std::size_t>(count));
  }
}

auto FileSource::rewind() -> std::expected<void, Problem> {
  if (::lseek(descriptor_, 0, SEEK_SET) != 0) {
    return unreadable(path_, "must be read twice, but is not seekable; store it in a file first");
  }
  done_ = 0;
  return {};
}

}  // namespace hermitage::image
