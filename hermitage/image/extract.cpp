#include "hermitage/image/extract.hpp"

#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hermitage/base/descriptor.hpp"
#include "hermitage/base/file_io.hpp"
#include "hermitage/entry/image_path.hpp"
#include "hermitage/image/path.hpp"

namespace hermitage::image {
namespace {

using base::Descriptor;

auto cannot_extract(const std::string& file, std::string why) -> std::unexpected<Problem> {
  return std::unexpected{Problem{.code = ProblemCode::cannot_extract, .file = file, .text = std::move(why)}};
}

auto system_error(const std::string& file) -> std::unexpected<Problem> {
  return cannot_extract(file, std::strerror(errno));
}

constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

// The open directories on the path to a file below a root, opened name by name without following links. Moving to the
// next file closes only directories that the two paths do not share, so sorted files open each directory once. At most
// entry::kMaxDepth descriptors are open, the limit on the depth of paths in an image.
class Way {
 public:
  explicit Way(int root) : root_{root} {}

  // The directory at `path`, or nothing with errno set.
  [[nodiscard]] auto go_to(std::string_view path) -> std::optional<int> {
    leave_for(path);
    for (auto name = entry::take_name(path); !name.empty(); name = entry::take_name(path)) {
      std::string step{name};
      Descriptor directory{::openat(here(), step.c_str(), kDirectoryFlags)};
      if (!directory.is_open()) return std::nullopt;
      steps_.push_back({.name = std::move(step), .directory = std::move(directory)});
    }
    return here();
  }

 private:
  struct Step {
    std::string name;
    Descriptor directory;
  };

  [[nodiscard]] auto here() const -> int { return steps_.empty() ? root_ : steps_.back().directory.get(); }

  // Closes directories that are not on `path`, and removes the common part from it.
  void leave_for(std::string_view& path) {
    std::size_t shared = 0;
    for (; shared < steps_.size(); ++shared) {
      auto rest = path;
      if (entry::take_name(rest) != steps_[shared].name) break;
      path = rest;
    }
    while (steps_.size() > shared) steps_.pop_back();
  }

  int root_;
  std::vector<Step> steps_;
};

class Extractor {
 public:
  explicit Extractor(int root) : way_{root}, way_to_first_{root} {}

  auto extract(const Image& image) -> std::expected<void, Problem> {
    // Links are created last, so that none exists while files are written.
    for (const auto& file : image.files()) {
      if (file.kind == FileKind::symbolic_link) continue;
      if (auto written = write(file); !written) return written;
    }
    for (const auto& file : image.files()) {
      if (file.kind != FileKind::symbolic_link) continue;
      if (auto written = write(file); !written) return written;
    }
    // Restrictive permissions of a directory are set after its files have been created.
    for (const auto& file : std::views::reverse(image.files())) {
      if (file.kind != FileKind::directory) continue;
      if (auto restricted = restrict(file); !restricted) return restricted;
    }
    return {};
  }

 private:
  auto write(const File& file) -> std::expected<void, Problem> {
    const auto parent = way_.go_to(parent_path(file.path));
    if (!parent) return system_error(file.path);
    const auto name = file_name(file.path);
    switch (file.kind) {
      case FileKind::directory:
        if (::mkdirat(*parent, name.c_str(), file.mode | S_IRWXU) != 0) return system_error(file.path);
        return {};
      case FileKind::symbolic_link:
        if (::symlinkat(file.link_target.c_str(), *parent, name.c_str()) != 0) return system_error(file.path);
        return {};
      case FileKind::regular: break;
    }
    return write_regular(file, *parent, name);
  }

  auto write_regular(const File& file, int parent, const std::string& name) -> std::expected<void, Problem> {
    if (const auto first = written_.find(file.contents.get()); first != written_.end()) {
      return link(*first->second, file, parent, name);
    }
    const Descriptor out{::openat(parent, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                                  static_cast<mode_t>(file.mode))};
    if (!out.is_open() || !base::write_all(out.get(), file.bytes())) return system_error(file.path);
    if (file.contents) written_.emplace(file.contents.get(), &file);
    return {};
  }

  // Hard links stay hard links: otherwise, a small image could fill the disk.
  auto link(const File& first, const File& file, int parent, const std::string& name) -> std::expected<void, Problem> {
    const auto directory = way_to_first_.go_to(parent_path(first.path));
    if (!directory || ::linkat(*directory, file_name(first.path).c_str(), parent, name.c_str(), 0) != 0) {
      return system_error(file.path);
    }
    return {};
  }

  auto restrict(const File& file) -> std::expected<void, Problem> {
    if ((file.mode & S_IRWXU) == S_IRWXU) return {};
    const auto directory = way_.go_to(file.path);
    struct stat status{};
    if (!directory || ::fstat(*directory, &status) != 0 || ::fchmod(*directory, status.st_mode & file.mode) != 0) {
      return system_error(file.path);
    }
    return {};
  }

  static auto file_name(const std::string& path) -> std::string { return path.substr(path.rfind('/') + 1); }

  Way way_;
  Way way_to_first_;  // of the first file of a group of hard links
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
  const Descriptor root{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!root.is_open()) return system_error(directory.string());
  return Extractor{root.get()}.extract(image);
}

}  // namespace hermitage::image
