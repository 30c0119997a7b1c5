#include "hermitage/vmm/devices/pci/msix.hpp"

#include <linux/pci_regs.h>

#include <algorithm>
#include <array>

#include "hermitage/entry/bytes.hpp"

namespace hermitage::vmm::pci {
namespace {

constexpr auto kMask = std::byte{PCI_MSIX_ENTRY_CTRL_MASKBIT};

// In the last register of an entry, only the mask bit is writable.
auto writable(std::size_t offset) -> std::byte {
  const auto place = offset % MsixTable::kEntrySize;
  if (place < PCI_MSIX_ENTRY_VECTOR_CTRL) return std::byte{0xff};
  return place == PCI_MSIX_ENTRY_VECTOR_CTRL ? kMask : std::byte{};
}

}  // namespace

MsixTable::MsixTable(unsigned vectors) : entries_(vectors * kEntrySize) {
  for (unsigned vector = 0; vector < vectors; ++vector) {
    entries_[vector * kEntrySize + PCI_MSIX_ENTRY_VECTOR_CTRL] = kMask;
  }
}

void MsixTable::read(std::size_t offset, std::span<std::byte> data) const noexcept {
  for (auto& byte : data) {
    byte = offset < entries_.size() ? entries_[offset] : std::byte{};
    ++offset;
  }
}

void MsixTable::write(std::size_t offset, std::span<const std::byte> data) noexcept {
  for (const auto byte : data) {
    if (offset >= entries_.size()) return;
    entries_[offset] = (entries_[offset] & ~writable(offset)) | (byte & writable(offset));
    ++offset;
  }
}

void MsixTable::read_pending(std::size_t offset, std::span<std::byte> data) const noexcept {
  std::array<std::byte, sizeof pending_> bytes{};
  entry::write<std::uint64_t, entry::Endian::little>(bytes, 0, pending_);
  for (auto& byte : data) {
    byte = offset < bytes.size() ? bytes[offset] : std::byte{};
    ++offset;
  }
}

auto MsixTable::messages() const -> std::vector<Message> {
  std::vector<Message> messages;
  for (unsigned vector = 0; vector < size(); ++vector) {
    const auto start = vector * kEntrySize;
    if (is_masked(vector)) {
      messages.emplace_back();
      continue;
    }
    messages.push_back(
        {.address = entry::read<std::uint64_t, entry::Endian::little>(entries_, start + PCI_MSIX_ENTRY_LOWER_ADDR),
         .data = entry::read<std::uint32_t, entry::Endian::little>(entries_, start + PCI_MSIX_ENTRY_DATA)});
  }
  return messages;
}

auto MsixTable::is_masked(unsigned vector) const noexcept -> bool {
  return (entries_[vector * kEntrySize + PCI_MSIX_ENTRY_VECTOR_CTRL] & kMask) != std::byte{};
}

void MsixTable::restore_pending(std::uint64_t pending) noexcept {
  for (unsigned vector = 0; vector < size(); ++vector) {
    if ((pending >> vector & 1) != 0) set_pending(vector);
  }
}

auto MsixTable::take_pending() noexcept -> std::optional<unsigned> {
  for (unsigned vector = 0; vector < size(); ++vector) {
    const auto bit = std::uint64_t{1} << vector;
    if ((pending_ & bit) == 0 || is_masked(vector)) continue;
    pending_ &= ~bit;
    return vector;
  }
  return std::nullopt;
}

}  // namespace hermitage::vmm::pci
