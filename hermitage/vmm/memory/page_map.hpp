// Which pages of this process's memory exist: /proc/self/pagemap.
#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "hermitage/vmm/descriptor.hpp"

namespace hermitage::vmm {

class PageMap {
 public:
  // Opens the file, which a process in the sandbox cannot do. If it cannot be opened, all pages count as existing.
  [[nodiscard]] static auto open() noexcept -> PageMap;
  // Reads from this descriptor instead. If it is closed, all pages count as existing.
  explicit PageMap(Descriptor file) noexcept : file_{std::move(file)} {}

  static constexpr std::size_t kPageSize = 4096;

  // For each 4096 bytes of memory, a multiple of them: whether their page of the host is in memory, or swapped out. A
  // page of an anonymous mapping that does not exist has never been touched, and is zeros; one of a file has the file's
  // content.
  [[nodiscard]] auto existing(std::span<const std::byte> pages) const -> std::vector<bool>;

 private:
  Descriptor file_;
};

}  // namespace hermitage::vmm
