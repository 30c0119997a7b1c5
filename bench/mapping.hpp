// Memory mappings and temporary files of the operating system.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace hermitage::bench {

// A private anonymous mapping. Its pages are allocated at the first access, and are zero.
class Mapping {
 public:
  explicit Mapping(std::size_t size);
  Mapping(Mapping&& other) noexcept;
  Mapping(const Mapping&) = delete;
  auto operator=(Mapping&&) -> Mapping& = delete;
  auto operator=(const Mapping&) -> Mapping& = delete;
  ~Mapping();

  [[nodiscard]] auto bytes() const noexcept -> std::span<std::byte> { return {memory_, size_}; }

 private:
  std::byte* memory_;
  std::size_t size_;
};

// A file in the directory for temporary files (TMPDIR). The destructor deletes it.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::span<const std::byte> bytes);
  TemporaryFile(TemporaryFile&& other) noexcept;
  TemporaryFile(const TemporaryFile&) = delete;
  auto operator=(TemporaryFile&&) -> TemporaryFile& = delete;
  auto operator=(const TemporaryFile&) -> TemporaryFile& = delete;
  ~TemporaryFile();

  // Maps the file from `offset` on over mapped whole pages. Returns whether that succeeded.
  [[nodiscard]] auto map_over(std::span<std::byte> pages, std::uint64_t offset) const noexcept -> bool;

 private:
  int descriptor_;
};

}  // namespace hermitage::bench
