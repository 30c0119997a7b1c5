#include "hermitage/vmm/devices/x86_64/pci_ports.hpp"

#include <algorithm>
#include <optional>

#include "hermitage/entry/bytes.hpp"

namespace hermitage::vmm::x86_64 {
namespace {

constexpr std::uint16_t kDataPort = PciPorts::kAddressPort + PciPorts::kAddressPorts;
constexpr std::uint32_t kEnabled = std::uint32_t{1} << 31;

struct Target {
  std::uint16_t function;
  std::size_t offset;
};

// The target of an access to a data port, if the address register is enabled.
auto target_of(std::uint32_t address, std::uint64_t port) -> std::optional<Target> {
  if (port < kDataPort || (address & kEnabled) == 0) return std::nullopt;
  return Target{.function = static_cast<std::uint16_t>(address >> 8), .offset = (address & 0xfc) + (port - kDataPort)};
}

auto is_address(const Access& access, std::size_t size) -> bool {
  return access.address == PciPorts::kAddressPort && size == sizeof(std::uint32_t);
}

}  // namespace

auto PciPorts::read(const Access& access, std::span<std::byte> data) -> AccessOutcome {
  std::ranges::fill(data, std::byte{0xff});
  if (is_address(access, data.size())) {
    entry::write<std::uint32_t, entry::Endian::little>(data, 0, address_.load());
  } else if (const auto target = target_of(address_, access.address)) {
    pci_.read_config(target->function, target->offset, data);
  }
  return Resume{};
}

auto PciPorts::write(const Access& access, std::span<const std::byte> data) -> AccessOutcome {
  if (is_address(access, data.size())) {
    address_ = entry::read<std::uint32_t, entry::Endian::little>(data, 0);
  } else if (const auto target = target_of(address_, access.address)) {
    pci_.write_config(target->function, target->offset, data);
  }
  return Resume{};
}

auto PciPorts::name_of(std::uint64_t /*address*/, bool is_write) const noexcept -> const char* {
  return is_write ? "pci write" : "pci read";
}

}  // namespace hermitage::vmm::x86_64
