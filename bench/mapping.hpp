// Memory and files straight from the operating system.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace hermitage::bench {

// A private mapping of no file. Its pages come into being, all zeros, when they are touched.
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

// A file in the directory for temporary files (TMPDIR) that goes away with this object.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::span<const std::byte> bytes);
  TemporaryFile(TemporaryFile&& other) noexcept;
  TemporaryFile(const TemporaryFile&) = delete;
  auto operator=(TemporaryFile&&) -> TemporaryFile& = delete;
  auto operator=(const TemporaryFile&) -> TemporaryFile& = delete;
  ~TemporaryFile();

  // Puts the file's bytes from `offset` on in place of whole pages that are mapped. Gives whether that worked.
  [[nodiscard]] auto map_over(std::span<std::byte> pages, std::uint64_t offset) const noexcept -> bool;

 private:
  int descriptor_;
};

}  // namespace hermitage::bench
