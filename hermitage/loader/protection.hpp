// The access permissions of the pages of a loaded kernel. A page is both writable and executable only if the kernel
// does not separate the two.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "hermitage/entry/kernel_object.hpp"
#include "hermitage/loader/physical_memory.hpp"

namespace hermitage::loader {

struct Access {
  bool write = false;
  bool execute = false;

  friend constexpr auto operator==(Access, Access) noexcept -> bool = default;
};

inline constexpr Access kReadWrite{.write = true};
inline constexpr Access kReadExecute{.execute = true};
inline constexpr Access kAll{.write = true, .execute = true};

struct ProtectedRange {
  GuestRange range;  // whole pages
  Access access;

  friend constexpr auto operator==(const ProtectedRange&, const ProtectedRange&) noexcept -> bool = default;
};

// The permissions from the segments of a kernel, in ascending order. A page that two segments share has the
// permissions of both. Pages without a segment are not included.
class Protection {
 public:
  static constexpr std::uint64_t kPageSize = 4096;

  // `start` is the address of the loaded kernel.
  Protection(const entry::KernelObject& kernel, GuestAddress start) noexcept;

  // Empty if the kernel has too many segments.
  [[nodiscard]] auto ranges() const noexcept -> std::span<const ProtectedRange> { return {ranges_.data(), size_}; }

 private:
  static constexpr std::size_t kCapacity = 64;

  void add(GuestRange pages, Access access) noexcept;
  void append(GuestRange pages, Access access) noexcept;

  std::array<ProtectedRange, kCapacity> ranges_;
  std::size_t size_ = 0;
  bool is_full_ = false;
};

}  // namespace hermitage::loader
