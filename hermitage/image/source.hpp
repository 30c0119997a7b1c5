// The source of the bytes of an image, in pieces.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "hermitage/base/descriptor.hpp"
#include "hermitage/image/problem.hpp"

namespace hermitage::image {

class Source {
 public:
  Source() = default;
  Source(const Source&) = delete;
  auto operator=(const Source&) -> Source& = delete;
  virtual ~Source() = default;

  // The next bytes, valid until the next call; none at the end.
  [[nodiscard]] virtual auto next() -> std::expected<std::span<const std::byte>, Problem> = 0;
  // Goes back to the beginning.
  [[nodiscard]] virtual auto rewind() -> std::expected<void, Problem> = 0;

  [[nodiscard]] virtual auto done() const -> std::uint64_t = 0;   // bytes that next() has returned
  [[nodiscard]] virtual auto total() const -> std::uint64_t = 0;  // number of all bytes; 0: unknown
};

// Bytes in memory, which must outlive the source.
class MemorySource final : public Source {
 public:
  explicit MemorySource(std::span<const std::byte> bytes) : bytes_{bytes} {}

  [[nodiscard]] auto next() -> std::expected<std::span<const std::byte>, Problem> override;
  [[nodiscard]] auto rewind() -> std::expected<void, Problem> override;
  [[nodiscard]] auto done() const -> std::uint64_t override { return done_; }
  [[nodiscard]] auto total() const -> std::uint64_t override { return bytes_.size(); }

 private:
  std::span<const std::byte> bytes_;
  std::size_t done_ = 0;
};

// A file. The `file` of its problems is its path, and their text begins with the system call that failed.
class FileSource final : public Source {
 public:
  [[nodiscard]] static auto open(const std::filesystem::path& path)
      -> std::expected<std::unique_ptr<FileSource>, Problem>;
  // Reads an open descriptor from its current offset, and does not close it.
  [[nodiscard]] static auto borrow(int descriptor, const std::filesystem::path& path) -> std::unique_ptr<FileSource>;

  [[nodiscard]] auto next() -> std::expected<std::span<const std::byte>, Problem> override;
  [[nodiscard]] auto rewind() -> std::expected<void, Problem> override;
  [[nodiscard]] auto done() const -> std::uint64_t override { return done_; }
  [[nodiscard]] auto total() const -> std::uint64_t override { return total_; }

 private:
  FileSource(std::filesystem::path path, int descriptor);

  std::filesystem::path path_;
  base::Descriptor own_;  // open if this object opened the file
  int descriptor_;
  std::uint64_t total_;
  std::uint64_t done_ = 0;
  std::vector<std::byte> buffer_;
};

}  // namespace hermitage::image
