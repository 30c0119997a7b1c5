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

// Begin with the root: begin_node(""). If the buffer is full, further items are dropped, and finish() returns
// nothing.
class DeviceTreeWriter {
 public:
  // `buffer` must begin at a multiple of 8. `reservations` are ranges that the kernel must not use.
  explicit DeviceTreeWriter(std::span<std::byte> buffer, std::span<const GuestRange> reservations = {}) noexcept;

  // `name` can have a unit address: "memory@100000" is ("memory", 0x100000).
  void begin_node(std::string_view name, std::optional<std::uint64_t> unit_address = std::nullopt) noexcept;
  void end_node() noexcept;

  void property(std::string_view name, std::span<const std::byte> value) noexcept;
  void property_u32(std::string_view name, std::uint32_t value) noexcept;
  void property_u64s(std::string_view name, std::initializer_list<std::uint64_t> values) noexcept;
  // Writes the concatenated pieces and a NUL.
  void property_text(std::string_view name, std::initializer_list<std::string_view> pieces) noexcept;

  // Returns the whole tree, at the beginning of the buffer, or nothing if the buffer was too small.
  [[nodiscard]] auto finish(std::uint32_t boot_cpu = 0) noexcept -> std::optional<std::span<const std::byte>>;

 private:
  void begin_property(std::string_view name, std::size_t size) noexcept;
  void put(std::span<const std::byte> bytes) noexcept;
  void put_text(std::string_view text) noexcept;
  void put_u32(std::uint32_t value) noexcept;
  void put_u64(std::uint64_t value) noexcept;
  void pad() noexcept;
  // The offset of a name in the strings. Adds the name if it is missing.
  auto string(std::string_view name) noexcept -> std::uint32_t;

  std::span<std::byte> buffer_;
  std::span<std::byte> strings_;  // in the last quarter of the buffer until finish()
  std::size_t structure_at_ = 0;
  std::size_t size_ = 0;  // without the strings
  std::size_t strings_size_ = 0;
  bool is_full_ = false;
};

// Writes the range of an image without gzip, if any, as properties of /chosen.
void write_initrd(DeviceTreeWriter& writer, std::optional<GuestRange> archive) noexcept;

// Writes a /memory node. The root must have two cells for addresses and two for sizes.
void write_memory_node(DeviceTreeWriter& writer, GuestRange range) noexcept;

}  // namespace hermitage::loader
