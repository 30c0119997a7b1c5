// Writes flattened device trees (Devicetree Specification 0.4, chapter 5; version 17) without a heap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>

#include "hermitage/loader/physical_memory.hpp"

namespace hermitage::loader {

// Begin with the root: begin_node(""). Once the buffer is full everything more is dropped, and finish() tells.
class DeviceTreeWriter {
 public:
  // `buffer` begins at a multiple of 8. `reservations` are memory that the kernel must leave alone.
  explicit DeviceTreeWriter(std::span<std::byte> buffer, std::span<const GuestRange> reservations = {}) noexcept;

  // `name` may have a unit address: "memory@100000" is ("memory", 0x100000).
  void begin_node(std::string_view name, std::optional<std::uint64_t> unit_address = std::nullopt) noexcept;
  void end_node() noexcept;

  void property(std::string_view name, std::span<const std::byte> value) noexcept;
  void property_u32(std::string_view name, std::uint32_t value) noexcept;
  void property_u64s(std::string_view name, std::initializer_list<std::uint64_t> values) noexcept;
  // The pieces in a row, then a NUL.
  void property_text(std::string_view name, std::initializer_list<std::string_view> pieces) noexcept;

  // The whole tree, at the beginning of the buffer; nothing when the buffer was too small.
  [[nodiscard]] auto finish(std::uint32_t boot_cpu = 0) noexcept -> std::optional<std::span<const std::byte>>;

 private:
  void begin_property(std::string_view name, std::size_t size) noexcept;
  void put(std::span<const std::byte> bytes) noexcept;
  void put_text(std::string_view text) noexcept;
  void put_u32(std::uint32_t value) noexcept;
  void put_u64(std::uint64_t value) noexcept;
  void pad() noexcept;
  // The offset of a name among the strings, where it is put if it is not there.
  auto string(std::string_view name) noexcept -> std::uint32_t;

  std::span<std::byte> buffer_;
  std::span<std::byte> strings_;  // in the buffer's last quarter until the tree is finished
  std::size_t structure_at_ = 0;
  std::size_t size_ = 0;  // of all but the strings
  std::size_t strings_size_ = 0;
  bool is_full_ = false;
};

// Where a packed image is, without gzip, if there is one: properties of /chosen.
void write_initrd(DeviceTreeWriter& writer, std::optional<GuestRange> archive) noexcept;

// A /memory node, below a root with two cells for addresses and two for sizes.
void write_memory_node(DeviceTreeWriter& writer, GuestRange range) noexcept;

}  // namespace hermitage::loader
