#include "hermitage/launch/kernel_source.hpp"

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hermitage/base/file_io.hpp"
#include "hermitage/entry/format.hpp"

namespace hermitage::launch {
namespace {

using base::Descriptor;

// Bytes of the longest magic number that distinguishes a format here.
constexpr std::size_t kMagicSize = 8;

// Opens the file, or duplicates standard input, which must stay open when the result is closed.
auto open_file(const std::string& path, int flags) -> Descriptor {
  if (path == "-") return Descriptor{::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)};
  return Descriptor{::open(path.c_str(), O_RDONLY | O_CLOEXEC | flags)};
}

auto read_whole(int descriptor) -> OrFileError<std::vector<std::byte>> {
  auto bytes = base::read_all(descriptor, kMaxFileSize);
  if (bytes) return *std::move(bytes);
  if (bytes.error() == EFBIG) {
    return refused(fmt::format("larger than the limit of {} GiB", kMaxFileSize >> 30));
  }
  return call_failed("read", bytes.error());
}

auto kind_of(std::span<const std::byte> bytes) -> KernelSource::Kind {
  switch (entry::detect_format(bytes)) {
    case entry::Format::elf: return KernelSource::Kind::kernel;
    case entry::Format::gzip: return KernelSource::Kind::image;
    case entry::Format::snapshot: return KernelSource::Kind::snapshot;
    default: return KernelSource::Kind::neither;
  }
}

}  // namespace

auto read_file(const std::string& path) -> OrFileError<std::vector<std::byte>> {
  const auto file = open_file(path, 0);
  struct stat status{};
  if (!file.is_open()) return call_failed("open", errno);
  if (::fstat(file.get(), &status) != 0) return call_failed("fstat", errno);
  if (S_ISDIR(status.st_mode)) return refused("is a directory");
  return read_whole(file.get());
}

auto keep_standard_input() -> OrFileError<std::string> {
  const auto bytes = read_file("-");
  if (!bytes) return std::unexpected{bytes.error()};
  const Descriptor memory{::memfd_create("standard input", MFD_CLOEXEC)};
  if (!memory.is_open()) return call_failed("memfd_create", errno);
  if (const auto written = base::write_all(memory.get(), *bytes); !written)
    return call_failed("write", written.error());
  // Stays open when another program is started, which may use low numbers for its files.
  constexpr int kOutOfTheWay = 200;
  const int kept = ::fcntl(memory.get(), F_DUPFD, kOutOfTheWay);
  if (kept < 0) return call_failed("fcntl", errno);
  const Descriptor nothing{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  if (!nothing.is_open()) return call_failed("open of /dev/null", errno);
  if (::dup2(nothing.get(), STDIN_FILENO) < 0) return call_failed("dup2", errno);
  return fmt::format("/dev/fd/{}", kept);
}

auto neither_kernel_nor_image(std::span<const std::byte> bytes) -> std::string {
  constexpr std::string_view kNeither = "neither a Hermit kernel nor a Hermit image";
  const auto format = entry::detect_format(bytes);
  if (format == entry::Format::unknown) return fmt::format("is {}", kNeither);
  const auto advice = entry::advice(format);
  return fmt::format("is {}, {}{}{}", entry::description(format), kNeither, advice.empty() ? "" : "; ", advice);
}

auto KernelSource::open(const std::string& path, Streams streams) -> OrFileError<KernelSource> {
  KernelSource source;
  source.path_ = path;
  auto file = open_file(path, streams == Streams::refuse ? O_NONBLOCK : 0);
  if (!file.is_open()) return call_failed("open", errno);
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return call_failed("fstat", errno);
  if (S_ISDIR(status.st_mode)) return refused("is a directory");
  // The offset of standard input may be in the middle of a file.
  if (!S_ISREG(status.st_mode) || path == "-") {
    if (streams == Streams::refuse) return refused("is not a regular file");
    auto bytes = read_whole(file.get());
    if (!bytes) return std::unexpected{std::move(bytes.error())};
    source.stream_ = std::move(*bytes);
    source.size_ = source.stream_.size();
    source.kind_ = kind_of(source.stream_);
    return source;
  }
  std::array<std::byte, kMagicSize> magic{};
  const auto count = ::pread(file.get(), magic.data(), magic.size(), 0);
  if (count < 0) return call_failed("pread", errno);
  source.kind_ = kind_of(std::span{magic}.first(static_cast<std::size_t>(count)));
  source.size_ = static_cast<std::uint64_t>(status.st_size);
  source.file_ = std::move(file);
  return source;
}

auto KernelSource::duplicate() const -> OrFileError<base::Descriptor> {
  Descriptor copy{::fcntl(file_.get(), F_DUPFD_CLOEXEC, 0)};
  if (!copy.is_open()) return call_failed("fcntl", errno);
  return copy;
}

auto KernelSource::read() && -> OrFileError<std::vector<std::byte>> {
  if (!file_.is_open()) return std::move(stream_);
  if (::lseek(file_.get(), 0, SEEK_SET) != 0) return call_failed("lseek", errno);
  return read_whole(file_.get());
}

auto KernelSource::open_image(const image::OpenOptions& options) const -> std::expected<image::Image, image::Problem> {
  if (!file_.is_open()) return image::Image::open(stream_, options);
  return image::Image::open(file_.get(), path_, options);
}

}  // namespace hermitage::launch
