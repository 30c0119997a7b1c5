#include "hermitage/cli/input.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <span>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hermitage/base/descriptor.hpp"
#include "hermitage/base/file_io.hpp"
#include "hermitage/cli/progress.hpp"
#include "hermitage/entry/format.hpp"
#include "hermitage/inspect/quantities.hpp"

namespace hermitage::cli {
namespace {

class Descriptor {
 public:
  explicit Descriptor(const std::string& path)
      : is_borrowed_{path == "-"},
        descriptor_{is_borrowed_ ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC)} {}
  Descriptor(const Descriptor&) = delete;
  auto operator=(const Descriptor&) -> Descriptor& = delete;
  ~Descriptor() {
    if (!is_borrowed_ && descriptor_ >= 0) ::close(descriptor_);
  }

  [[nodiscard]] auto get() const -> int { return descriptor_; }

 private:
  bool is_borrowed_;
  int descriptor_;
};

auto system_error() -> std::unexpected<std::string> {
  return std::unexpected{std::string{std::strerror(errno)}};
}

auto failed(std::string_view call) -> std::unexpected<std::string> {
  return std::unexpected{fmt::format("{}: {}", call, std::strerror(errno))};
}

auto too_large() -> std::unexpected<std::string> {
  return std::unexpected{fmt::format("larger than {}, the limit", inspect::human_size(kMaxFileSize))};
}

// Whether a file begins as gzip data do. A pipe cannot be asked: what is read is gone.
auto is_gzip_file(const Descriptor& file) -> bool {
  struct stat status{};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
  std::array<std::byte, 4> beginning{};
  const auto count = ::pread(file.get(), beginning.data(), beginning.size(), 0);
  return count > 0 &&
         entry::detect_format(std::span{beginning}.first(static_cast<std::size_t>(count))) == entry::Format::gzip;
}

auto read_all(const Descriptor& file) -> std::expected<std::vector<std::byte>, std::string> {
  if (file.get() < 0) return system_error();
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return system_error();
  if (S_ISDIR(status.st_mode)) return std::unexpected{std::string{"is a directory"}};

  auto bytes = base::read_all(file.get(), kMaxFileSize);
  if (bytes) return *std::move(bytes);
  if (bytes.error() == EFBIG) return too_large();
  return std::unexpected{std::string{std::strerror(bytes.error())}};
}

}  // namespace

auto read_file(const std::string& path) -> std::expected<std::vector<std::byte>, std::string> {
  return read_all(Descriptor{path});
}

auto read_kernel(const std::string& path) -> std::expected<KernelInput, std::string> {
  ProgressBar progress{path};
  const image::OpenOptions options{.contents = image::Contents::kernel, .progress = std::ref(progress)};
  // Opened once: who writes into a named pipe takes the end of its first reader for the end of all reading.
  const Descriptor file{path};
  if (file.get() < 0) return system_error();
  if (path != "-" && is_gzip_file(file)) {
    auto image = image::Image::open(path, options);
    if (!image && image.error().code == image::ProblemCode::unreadable) return std::unexpected{image.error().text};
    return KernelInput{.bytes = {}, .image = std::move(image)};
  }
  auto bytes = read_all(file);
  if (!bytes) return std::unexpected{std::move(bytes.error())};
  if (entry::detect_format(*bytes) != entry::Format::gzip) return KernelInput{.bytes = *std::move(bytes), .image = {}};
  return KernelInput{.bytes = {}, .image = image::Image::open(*bytes, options)};
}

auto keep_standard_input() -> std::expected<std::string, std::string> {
  const auto bytes = read_file("-");
  if (!bytes) return std::unexpected{bytes.error()};
  const base::Descriptor memory{::memfd_create("standard input", MFD_CLOEXEC)};
  if (!memory.is_open()) return failed("memfd_create");
  if (const auto written = base::write_all(memory.get(), *bytes); !written) {
    return std::unexpected{fmt::format("write: {}", std::strerror(written.error()))};
  }
  // Not closed when another program is started, which may have files of its own at low numbers.
  constexpr int kOutOfTheWay = 200;
  const int kept = ::fcntl(memory.get(), F_DUPFD, kOutOfTheWay);
  if (kept < 0) return failed("fcntl");
  const base::Descriptor nothing{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  if (!nothing.is_open() || ::dup2(nothing.get(), STDIN_FILENO) < 0) return failed("/dev/null");
  return fmt::format("/dev/fd/{}", kept);
}

auto neither_kernel_nor_image(entry::Format format) -> std::string {
  constexpr std::string_view kNeither = "neither a Hermit kernel nor a Hermit image";
  if (format == entry::Format::unknown) return fmt::format("is {}", kNeither);
  const auto advice = entry::advice(format);
  return fmt::format("is {}, {}{}{}", entry::description(format), kNeither, advice.empty() ? "" : "; ", advice);
}

auto open_image(const std::string& path, const image::OpenOptions& options)
    -> std::expected<image::Image, image::Problem> {
  if (path != "-") return image::Image::open(path, options);
  const auto bytes = read_file(path);
  if (bytes) return image::Image::open(*bytes, options);
  return std::unexpected{image::Problem{.code = image::ProblemCode::unreadable, .text = bytes.error()}};
}

}  // namespace hermitage::cli
