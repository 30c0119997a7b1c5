// A function on a PCI bus.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace hermitage::vmm::pci {

// Any vCPU's thread can call any function at any time. `data` has 1 to 8 bytes.
class Function {
 public:
  Function() = default;
  Function(const Function&) = delete;
  auto operator=(const Function&) -> Function& = delete;
  virtual ~Function() = default;

  // Accesses to the configuration space.
  virtual void read_config(std::size_t offset, std::span<std::byte> data) = 0;
  virtual void write_config(std::size_t offset, std::span<const std::byte> data) = 0;

  // The offset of an address in the BAR. Nothing if the address is not in the BAR, or the function does not decode
  // memory.
  [[nodiscard]] virtual auto bar_offset(std::uint64_t address, std::size_t size) const
      -> std::optional<std::size_t> = 0;
  virtual void read_bar(std::size_t offset, std::span<std::byte> data) = 0;
  virtual void write_bar(std::size_t offset, std::span<const std::byte> data) = 0;
};

}  // namespace hermitage::vmm::pci
