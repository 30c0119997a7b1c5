#include "hermitage/oci/image/container_files.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <map>
#include <span>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hermitage/base/descriptor.hpp"
#include "hermitage/base/file_io.hpp"
#include "hermitage/entry/format.hpp"
#include "hermitage/image/archive.hpp"
#include "hermitage/image/path.hpp"

namespace hermitage::oci {
namespace {

using base::Descriptor;
using image::Problem;
using image::ProblemCode;
using image::Source;

constexpr std::string_view kLayoutFile = "oci-layout";
constexpr std::string_view kDockerFile = "manifest.json";

// Limits of an archive of layers. Real ones have a few files for each layer.
constexpr std::uint64_t kMaxFiles = 100'000;
constexpr std::size_t kMaxNames = std::size_t{32} << 20;  // bytes of all names and targets of links

auto fail(ProblemCode code, std::string file, std::string text) -> std::unexpected<Problem> {
  return std::unexpected{Problem{.code = code, .file = std::move(file), .text = std::move(text)}};
}

auto missing(const std::string& name) -> std::unexpected<Problem> {
  return fail(ProblemCode::damaged_container, name, "is missing in the container image");
}

// A part of a regular file, which stays open.
class RangeSource final : public Source {
 public:
  RangeSource(std::shared_ptr<const Descriptor> file, std::string name, std::uint64_t offset, std::uint64_t size)
      : file_{std::move(file)}, name_{std::move(name)}, offset_{offset}, size_{size} {}

  [[nodiscard]] auto next() -> std::expected<std::span<const std::byte>, Problem> override {
    const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(buffer_.size(), size_ - done_));
    if (most == 0) return std::span<const std::byte>{};
    for (;;) {
      const auto count = ::pread(file_->get(), buffer_.data(), most, static_cast<off_t>(offset_ + done_));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return fail(ProblemCode::unreadable, name_, std::string{"pread: "} + std::strerror(errno));
      if (count == 0) return fail(ProblemCode::unreadable, name_, "changed while it was being read");
      done_ += static_cast<std::uint64_t>(count);
      return std::span{buffer_}.first(static_cast<std::size_t>(count));
    }
  }
  [[nodiscard]] auto rewind() -> std::expected<void, Problem> override {
    done_ = 0;
    return {};
  }
  [[nodiscard]] auto done() const -> std::uint64_t override { return done_; }
  [[nodiscard]] auto total() const -> std::uint64_t override { return size_; }

 private:
  static constexpr std::size_t kPieceSize = 128 << 10;

  std::shared_ptr<const Descriptor> file_;
  std::string name_;
  std::uint64_t offset_;
  std::uint64_t size_;
  std::uint64_t done_ = 0;
  std::vector<std::byte> buffer_ = std::vector<std::byte>(kPieceSize);
};

auto size_of(const Descriptor& file) -> std::optional<std::uint64_t> {
  struct stat status{};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return static_cast<std::uint64_t>(status.st_size);
}

}  // namespace

class ContainerFiles::Storage {
 public:
  Storage() = default;
  Storage(const Storage&) = delete;
  auto operator=(const Storage&) -> Storage& = delete;
  virtual ~Storage() = default;

  [[nodiscard]] virtual auto source(const std::string& name) const
      -> std::expected<std::unique_ptr<Source>, Problem> = 0;
};

class ContainerFiles::Directory final : public Storage {
 public:
  explicit Directory(Descriptor directory) : directory_{std::move(directory)} {}

  [[nodiscard]] auto source(const std::string& name) const -> std::expected<std::unique_ptr<Source>, Problem> override {
    open_how how{};
    how.flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    auto file = std::make_shared<Descriptor>(
        static_cast<int>(::syscall(SYS_openat2, directory_.get(), name.c_str(), &how, sizeof how)));
    if (!file->is_open() && errno == ENOENT) return missing(name);
    if (!file->is_open()) return fail(ProblemCode::unreadable, name, std::string{"openat2: "} + std::strerror(errno));
    const auto size = size_of(*file);
    if (!size) return fail(ProblemCode::damaged_container, name, "is not a regular file");
    return std::make_unique<RangeSource>(std::move(file), name, 0, *size);
  }

 private:
  Descriptor directory_;
};

class ContainerFiles::Archive final : public Storage {
 public:
  explicit Archive(std::shared_ptr<const Descriptor> file, std::uint64_t size) : file_{std::move(file)}, size_{size} {}
  explicit Archive(std::vector<std::byte> bytes) : bytes_{std::move(bytes)}, size_{bytes_.size()} {}

  // Learns where each file is.
  [[nodiscard]] auto read_index() -> std::expected<void, Problem> {
    const auto whole = part("", {.offset = 0, .size = size_});
    constexpr auto kNoLimit = std::numeric_limits<std::uint64_t>::max();
    image::ArchiveReader reader{*whole, std::make_unique<image::PlainUnpacker>(*whole, kNoLimit)};
    std::uint64_t count = 0;
    std::size_t names = 0;
    for (;;) {
      const auto entry = reader.next();
      if (!entry) return std::unexpected{entry.error()};
      if (!*entry) return {};
      const auto& found = **entry;
      names += found.name.size() + found.link_target.size();
      if (++count > kMaxFiles || names > kMaxNames) {
        return fail(ProblemCode::too_many_entries, found.name, "exceeds the limit for files of a container image");
      }
      add(found, reader.offset_of_bytes());
    }
  }

  [[nodiscard]] auto has(std::string_view name) const -> bool { return parts_.contains(name); }

  [[nodiscard]] auto source(const std::string& name) const -> std::expected<std::unique_ptr<Source>, Problem> override {
    const auto link = links_.find(name);
    const auto& real = link == links_.end() ? name : link->second;
    const auto found = parts_.find(real);
    if (found == parts_.end()) return missing(name);
    return part(real, found->second);
  }

 private:
  struct Part {
    std::uint64_t offset;
    std::uint64_t size;
  };

  void add(const image::Entry& entry, std::uint64_t offset) {
    const auto name = image::normalize_path(entry.name);
    if (!name) return;
    if (entry.kind == image::EntryKind::regular) {
      // The end of a sparse file may not be there; nothing but its digest is of interest then.
      const auto size = offset > size_ ? 0 : std::min(entry.size, size_ - offset);
      parts_.insert_or_assign(*name, Part{.offset = offset, .size = size});
    }
    if (entry.kind == image::EntryKind::hard_link) add_link(*name, entry.link_target);
    if (entry.kind == image::EntryKind::symbolic_link) add_relative_link(*name, entry.link_target);
  }

  void add_link(const std::string& name, std::string_view target) {
    if (auto normalized = image::normalize_path(target)) links_.insert_or_assign(name, *std::move(normalized));
  }

  // docker writes links such as ID/layer.tar to ../OTHER/layer.tar.
  void add_relative_link(const std::string& name, std::string_view target) {
    auto directory = image::parent_path(name);
    while (target.starts_with("../")) {
      target.remove_prefix(3);
      directory = image::parent_path(directory);
    }
    add_link(name, std::string{directory}.append("/").append(target));
  }

  [[nodiscard]] auto part(const std::string& name, Part part) const -> std::unique_ptr<Source> {
    if (file_) return std::make_unique<RangeSource>(file_, name, part.offset, part.size);
    const auto bytes = std::span{bytes_}.subspan(static_cast<std::size_t>(part.offset));
    return std::make_unique<image::MemorySource>(bytes.first(static_cast<std::size_t>(part.size)));
  }

  std::shared_ptr<const Descriptor> file_;  // or null: the bytes
  std::vector<std::byte> bytes_;
  std::uint64_t size_ = 0;
  std::map<std::string, Part, std::less<>> parts_;
  std::map<std::string, std::string, std::less<>> links_;
};

ContainerFiles::ContainerFiles(Kind kind, std::unique_ptr<Storage> storage)
    : kind_{kind}, storage_{std::move(storage)} {}
ContainerFiles::ContainerFiles(ContainerFiles&&) noexcept = default;
auto ContainerFiles::operator=(ContainerFiles&&) noexcept -> ContainerFiles& = default;
ContainerFiles::~ContainerFiles() = default;

auto ContainerFiles::of_archive(std::unique_ptr<Archive> archive)
    -> std::expected<std::optional<ContainerFiles>, Problem> {
  auto indexed = archive->read_index();
  const bool is_oci = archive->has(kLayoutFile);
  // Any other archive is none of a container image, whether or not it is damaged.
  if (!is_oci && !archive->has(kDockerFile)) return std::nullopt;
  if (!indexed) return std::unexpected{std::move(indexed.error())};
  return ContainerFiles{is_oci ? Kind::oci : Kind::docker, std::move(archive)};
}

auto ContainerFiles::open(std::vector<std::byte> archive) -> std::expected<std::optional<ContainerFiles>, Problem> {
  if (entry::detect_format(archive) != entry::Format::tar) return std::nullopt;
  return of_archive(std::make_unique<Archive>(std::move(archive)));
}

auto ContainerFiles::open(const std::string& path) -> std::expected<std::optional<ContainerFiles>, Problem> {
  // The writer of a pipe would notice an attempt to open it.
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0 || (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))) return std::nullopt;
  auto file = std::make_shared<Descriptor>(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!file->is_open()) return std::nullopt;
  if (S_ISDIR(status.st_mode)) {
    auto directory = std::make_unique<Directory>(std::move(*file));
    if (!directory->source(std::string{kLayoutFile})) return std::nullopt;
    return ContainerFiles{Kind::oci, std::move(directory)};
  }
  const auto size = size_of(*file);
  if (!size) return std::nullopt;
  std::array<std::byte, entry::kFormatBytes> beginning{};
  const auto count = ::pread(file->get(), beginning.data(), beginning.size(), 0);
  if (count < 0) return std::nullopt;
  if (entry::detect_format(std::span{beginning}.first(static_cast<std::size_t>(count))) != entry::Format::tar) {
    return std::nullopt;
  }
  return of_archive(std::make_unique<Archive>(std::move(file), *size));
}

auto ContainerFiles::source(const std::string& name) const -> std::expected<std::unique_ptr<Source>, Problem> {
  return storage_->source(name);
}

auto ContainerFiles::read(const std::string& name, std::size_t most) const -> std::expected<std::string, Problem> {
  auto source = storage_->source(name);
  if (!source) return std::unexpected{std::move(source.error())};
  std::string text;
  for (;;) {
    const auto piece = (*source)->next();
    if (!piece) return std::unexpected{piece.error()};
    if (piece->empty()) return text;
    if (piece->size() > most - text.size()) {
      return fail(ProblemCode::too_large, name, "is larger than the limit of " + std::to_string(most) + " bytes");
    }
    text.append(reinterpret_cast<const char*>(piece->data()), piece->size());
  }
}

}  // namespace hermitage::oci
