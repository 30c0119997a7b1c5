// The guest-physical memory. All accesses to it are checked here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "hermitage/entry/address.hpp"
#include "hermitage/vmm/error.hpp"

namespace hermitage::vmm {

using entry::GuestAddress;
using entry::GuestRange;

// A range of guest-physical addresses that is not completely in the memory.
struct OutsideMemory {
  GuestAddress address;
  std::uint64_t size = 0;  // bytes

  friend auto operator==(const OutsideMemory&, const OutsideMemory&) -> bool = default;
};

// One contiguous range of guest-physical memory. Every address from a guest must pass through span(), read(), write()
// or read_text(), which accept any values.
//
// The guest's vCPUs write to this memory while the monitor reads it. Therefore, values to be checked are copied once,
// and the copy is checked and used: read() does this. Bytes that are only passed on, as in a write to a file, can be
// passed as a span.
class GuestMemory {
 public:
  struct Options {
    bool huge_pages = false;  // MADV_HUGEPAGE, from a multiple of 2 MiB
    bool mergeable = false;   // MADV_MERGEABLE: kernel samepage merging
  };

  // Allocates memory that is all zeros. The host provides pages when they are touched. `size` is in bytes, a multiple
  // of the host's page size. Fails with host_failed.
  [[nodiscard]] static auto allocate(GuestAddress base, std::uint64_t size, Options options) -> Result<GuestMemory>;

  GuestMemory(GuestMemory&& other) noexcept;
  auto operator=(GuestMemory&& other) noexcept -> GuestMemory&;
  ~GuestMemory();

  [[nodiscard]] auto base() const noexcept -> GuestAddress { return base_; }
  [[nodiscard]] auto size() const noexcept -> std::uint64_t { return bytes_.size(); }
  [[nodiscard]] auto range() const noexcept -> GuestRange { return {base_, base_ + size()}; }
  [[nodiscard]] auto bytes() const noexcept HERMITAGE_LIFETIMEBOUND -> std::span<std::byte> { return bytes_; }

  // Checks a range, and returns its bytes.
  [[nodiscard]] auto span(GuestAddress address, std::uint64_t size) const noexcept
      -> std::expected<std::span<std::byte>, OutsideMemory> {
    const std::uint64_t offset = address.value - base_.value;  // wraps to a large value below the base
    if (offset > bytes_.size() || size > bytes_.size() - offset) return std::unexpected{OutsideMemory{address, size}};
    return bytes_.subspan(offset, size);
  }

  // Copies a T from any alignment, in the guest's byte order, which is equal to the host's.
  template <class T>
  [[nodiscard]] auto read(GuestAddress address) const noexcept -> std::expected<T, OutsideMemory> {
    static_assert(std::is_trivially_copyable_v<T>);
    const auto source = span(address, sizeof(T));
    if (!source) return std::unexpected{source.error()};
    T value;
    std::memcpy(&value, source->data(), sizeof value);
    return value;
  }

  // Copies all bytes of a T to the guest. T must have no padding, because padding would contain bytes of this process's
  // memory.
  template <class T>
  [[nodiscard]] auto write(GuestAddress address, const T& value) const noexcept -> std::expected<void, OutsideMemory> {
    static_assert(std::is_trivially_copyable_v<T> && std::has_unique_object_representations_v<T>);
    const auto target = span(address, sizeof(T));
    if (!target) return std::unexpected{target.error()};
    std::memcpy(target->data(), &value, sizeof value);
    return {};
  }

  // Copies a string that ends with a NUL within `limit` bytes. Returns nothing if there is no NUL, or if the string
  // leaves the memory.
  [[nodiscard]] auto read_text(GuestAddress address, std::size_t limit) const -> std::optional<std::string>;

  // Maps bytes of a file over whole pages of the memory, privately: the guest's writes do not reach the file. Returns
  // false if the host fails to map them. Precondition: span(address, size) exists, and all three numbers are multiples
  // of the host's page size. Only the thread that prepares the guest calls this.
  [[nodiscard]] auto map_file(GuestAddress address, std::uint64_t size, int descriptor, std::uint64_t file_offset) const
      -> bool;
  // The ranges that were mapped from files. All other memory is anonymous: pages that were never touched are zeros.
  [[nodiscard]] auto file_ranges() const noexcept HERMITAGE_LIFETIMEBOUND -> std::span<const GuestRange> {
    return file_ranges_;
  }

  // Makes the host allocate the pages of a range now, which is faster than one page fault for each. The host can ignore
  // this.
  void populate(GuestRange range) const noexcept;

 private:
  GuestMemory(GuestAddress base, std::span<std::byte> bytes, std::span<std::byte> mapping) noexcept;

  GuestAddress base_;
  std::span<std::byte> bytes_;
  std::span<std::byte> mapping_;  // to be unmapped: bytes_, and the bytes before it for alignment
  // Changes with the content, which is not const, either.
  mutable std::vector<GuestRange> file_ranges_;
};

}  // namespace hermitage::vmm
