// MSI-X: a function sends interrupts as messages. PCI Local Bus Specification 3.0, 6.8.2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "hermitage/vmm/interrupts.hpp"

namespace hermitage::vmm::pci {

// The vector table of a function, and its pending bits. For one thread at a time.
class MsixTable {
 public:
  static constexpr std::size_t kEntrySize = 16;
  static constexpr unsigned kMaxVectors = 64;  // the pending bits fit into one number

  // Precondition: at most kMaxVectors. All vectors are masked initially.
  explicit MsixTable(unsigned vectors);

  [[nodiscard]] auto size() const noexcept -> unsigned { return static_cast<unsigned>(entries_.size() / kEntrySize); }

  // Accesses of the guest to the table and to the pending bits, which are read-only. Bytes outside read as zeros.
  void read(std::size_t offset, std::span<std::byte> data) const noexcept;
  void write(std::size_t offset, std::span<const std::byte> data) noexcept;
  void read_pending(std::size_t offset, std::span<std::byte> data) const noexcept;

  // The message of each vector. A masked vector has an empty message.
  [[nodiscard]] auto messages() const -> std::vector<Message>;
  [[nodiscard]] auto is_masked(unsigned vector) const noexcept -> bool;

  // For snapshots: the table and the pending bits, and the way back. Bits of vectors that do not exist are ignored.
  [[nodiscard]] auto entries() const -> std::span<const std::byte> { return entries_; }
  [[nodiscard]] auto pending() const noexcept -> std::uint64_t { return pending_; }
  void restore_pending(std::uint64_t pending) noexcept;

  void set_pending(unsigned vector) noexcept { pending_ |= std::uint64_t{1} << vector; }
  void clear_pending() noexcept { pending_ = 0; }
  // Returns a vector that is pending and no longer masked, and clears its pending bit.
  [[nodiscard]] auto take_pending() noexcept -> std::optional<unsigned>;

 private:
  std::vector<std::byte> entries_;
  std::uint64_t pending_ = 0;
};

}  // namespace hermitage::vmm::pci
