// MSI-X: interrupts that a function sends as messages. PCI Local Bus Specification 3.0, 6.8.2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "hermitage/vmm/interrupts.hpp"

namespace hermitage::vmm::pci {

// The table of a function's vectors, and their pending bits. By one thread at a time.
class MsixTable {
 public:
  static constexpr std::size_t kEntrySize = 16;
  static constexpr unsigned kMaxVectors = 64;  // whose pending bits are one number

  // Precondition: at most kMaxVectors. All are masked.
  explicit MsixTable(unsigned vectors);

  [[nodiscard]] auto size() const noexcept -> unsigned { return static_cast<unsigned>(entries_.size() / kEntrySize); }

  // Accesses of the guest to the table, and to the pending bits, which cannot be written. What lies outside reads as
  // zeros.
  void read(std::size_t offset, std::span<std::byte> data) const noexcept;
  void write(std::size_t offset, std::span<const std::byte> data) noexcept;
  void read_pending(std::size_t offset, std::span<std::byte> data) const noexcept;

  // Of every vector; what a masked one is does not count, and is nothing.
  [[nodiscard]] auto messages() const -> std::vector<Message>;
  [[nodiscard]] auto is_masked(unsigned vector) const noexcept -> bool;

  void set_pending(unsigned vector) noexcept { pending_ |= std::uint64_t{1} << vector; }
  void clear_pending() noexcept { pending_ = 0; }
  // A vector that is pending and no longer masked; it is not pending any more.
  [[nodiscard]] auto take_pending() noexcept -> std::optional<unsigned>;

 private:
  std::vector<std::byte> entries_;
  std::uint64_t pending_ = 0;
};

}  // namespace hermitage::vmm::pci
