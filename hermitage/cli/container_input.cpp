#include "hermitage/cli/container_input.hpp"

#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hermitage/base/file_io.hpp"
#include "hermitage/entry/format.hpp"
#include "hermitage/oci/image/container_image.hpp"

namespace hermitage::cli {
namespace {

using base::Descriptor;
using image::Problem;
using Files = std::expected<std::optional<oci::ContainerFiles>, Problem>;

auto failed(const char* call) -> std::unexpected<Problem> {
  return std::unexpected{Problem{
      .code = image::ProblemCode::unreadable, .file = {}, .text = fmt::format("{}: {}", call, std::strerror(errno))}};
}

auto pack(const Files& files, const image::OpenOptions& options) -> std::expected<std::optional<Descriptor>, Problem> {
  if (!files) return std::unexpected{files.error()};
  if (!*files) return std::nullopt;
  Descriptor memory{::memfd_create("container image", MFD_CLOEXEC)};
  if (!memory.is_open()) return failed("memfd_create");
  int error = 0;
  auto packed = oci::to_packed_image(**files, {.limits = options.limits, .progress = options.progress},
                                     [&](std::span<const std::byte> bytes) {
                                       const auto written = base::write_all(memory.get(), bytes);
                                       if (!written) error = written.error();
                                       return written.has_value();
                                     });
  if (error != 0) {
    errno = error;
    return failed("write");
  }
  if (!packed) return std::unexpected{std::move(packed.error())};
  return memory;
}

}  // namespace

auto pack_container(const std::string& path, const image::OpenOptions& options)
    -> std::expected<std::optional<Descriptor>, Problem> {
  if (path == "-") return std::nullopt;
  return pack(oci::ContainerFiles::open(path), options);
}

auto pack_container(const std::vector<std::byte>& archive, const image::OpenOptions& options)
    -> std::expected<std::optional<Descriptor>, Problem> {
  if (entry::detect_format(archive) != entry::Format::tar) return std::nullopt;
  return pack(oci::ContainerFiles::open(archive), options);
}

auto keep_file(const Descriptor& file) -> std::expected<std::string, std::string> {
  // Not closed when another program is started, which may have files of its own at low numbers.
  constexpr int kOutOfTheWay = 200;
  const int kept = ::fcntl(file.get(), F_DUPFD, kOutOfTheWay);
  if (kept < 0) return std::unexpected{fmt::format("fcntl: {}", std::strerror(errno))};
  return fmt::format("/dev/fd/{}", kept);
}

}  // namespace hermitage::cli
