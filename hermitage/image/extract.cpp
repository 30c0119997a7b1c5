#include "hermitage/image/extract.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <ranges>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hermitage/image/path.hpp"

namespace hermitage::image {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int descriptor = -1) : descriptor_{descriptor} {}
  Descriptor(Descriptor&& other) noexcept : descriptor_{std::exchange(other.descriptor_, -1)} {}
  auto operator=(Descriptor&& other) noexcept -> Descriptor& {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~Descriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  [[nodiscard]] auto get() const -> int { return descriptor_; }
  [[nodiscard]] auto is_open() const -> bool { return descriptor_ >= 0; }

 private:
  int descriptor_;
};

auto cannot_extract(const std::string& file, std::string why) -> std::unexpected<Problem> {
  return std::unexpected{Problem{.code = ProblemCode::cannot_extract, .file = file, .text = std::move(why)}};
}

auto system_error(const std::string& file) -> std::unexpected<Problem> {
  return cannot_extract(file, std::strerror(errno));
}

constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

auto write_all(int descriptor, std::span<const std::byte> bytes) -> bool {
  while (!bytes.empty()) {
    const auto written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

class Extractor {
 public:
  explicit Extractor(Descriptor root) : root_{std::move(root)} {}

  auto extract(const Image& image) -> std::expected<void, Problem> {
    // Links come last, so that there is none while files are written.
    for (const auto& file : image.files()) {
      if (file.kind == FileKind::symbolic_link) continue;
      if (auto written = write(file); !written) return written;
    }
    for (const auto& file : image.files()) {
      if (file.kind != FileKind::symbolic_link) continue;
      if (auto written = write(file); !written) return written;
    }
    // What a directory does not permit its owner, either, it does not only when all is in it.
    for (const auto& file : std::views::reverse(image.files())) {
      if (file.kind != FileKind::directory) continue;
      if (auto restricted = restrict(file); !restricted) return restricted;
    }
    return {};
  }

 private:
  auto write(const File& file) -> std::expected<void, Problem> {
    if (!enter(parent_path(file.path))) return system_error(file.path);
    const auto name = file_name(file.path);
    switch (file.kind) {
      case FileKind::directory:
        if (::mkdirat(parent_.get(), name.c_str(), file.mode | S_IRWXU) != 0) return system_error(file.path);
        return {};
      case FileKind::symbolic_link:
        if (::symlinkat(file.link_target.c_str(), parent_.get(), name.c_str()) != 0) return system_error(file.path);
        return {};
      case FileKind::regular: break;
    }
    return write_regular(file, name);
  }

  auto write_regular(const File& file, const std::string& name) -> std::expected<void, Problem> {
    if (const auto first = written_.find(file.contents.get()); first != written_.end()) {
      return link(*first->second, file, name);
    }
    const Descriptor out{::openat(parent_.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                                  static_cast<mode_t>(file.mode))};
    if (!out.is_open() || !write_all(out.get(), file.bytes())) return system_error(file.path);
    if (file.contents) written_.emplace(file.contents.get(), &file);
    return {};
  }

  // Files that share their bytes do so on disk, too: a small image could fill it otherwise.
  auto link(const File& first, const File& file, const std::string& name) -> std::expected<void, Problem> {
    const auto directory = open_below(parent_path(first.path));
    if (!directory.is_open() ||
        ::linkat(directory.get(), file_name(first.path).c_str(), parent_.get(), name.c_str(), 0) != 0) {
      return system_error(file.path);
    }
    return {};
  }

  auto restrict(const File& file) -> std::expected<void, Problem> {
    if ((file.mode & S_IRWXU) == S_IRWXU) return {};
    const auto directory = open_below(file.path);
    struct stat status{};
    if (!directory.is_open() || ::fstat(directory.get(), &status) != 0 ||
        ::fchmod(directory.get(), status.st_mode & file.mode) != 0) {
      return system_error(file.path);
    }
    return {};
  }

  // Makes the directory of what is written next the parent.
  auto enter(std::string_view path) -> bool {
    if (parent_.is_open() && path == parent_path_) return true;
    parent_ = open_below(path);
    parent_path_ = path;
    return parent_.is_open();
  }

  // Goes down name by name, and through no link.
  [[nodiscard]] auto open_below(std::string_view path) const -> Descriptor {
    Descriptor directory{::openat(root_.get(), ".", kDirectoryFlags)};
    while (!path.empty() && directory.is_open()) {
      const std::string name{path.substr(0, path.find('/'))};
      path.remove_prefix(std::min(path.size(), name.size() + 1));
      directory = Descriptor{::openat(directory.get(), name.c_str(), kDirectoryFlags)};
    }
    return directory;
  }

  static auto file_name(const std::string& path) -> std::string { return path.substr(path.rfind('/') + 1); }

  Descriptor root_;
  Descriptor parent_;
  std::string parent_path_;
  std::map<const std::byte*, const File*> written_;
};

}  // namespace

auto extract(const Image& image, const std::filesystem::path& directory) -> std::expected<void, Problem> {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return cannot_extract(directory.string(), error.message());
  const bool is_empty = std::filesystem::is_empty(directory, error);
  if (error) return cannot_extract(directory.string(), error.message());
  if (!is_empty) return cannot_extract(directory.string(), "is not empty: name a directory that is new or empty");
  Descriptor root{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!root.is_open()) return system_error(directory.string());
  return Extractor{std::move(root)}.extract(image);
}

}  // namespace hermitage::image
