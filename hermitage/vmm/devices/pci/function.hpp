// A function on a PCI bus, as the bus sees it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace hermitage::vmm::pci {

// Every function of it may be called from any vCPU's thread, at the same time. `data` has 1 to 8 bytes.
class Function {
 public:
  Function() = default;
  Function(const Function&) = delete;
  auto operator=(const Function&) -> Function& = delete;
  virtual ~Function() = default;

  // An access to its configuration space.
  virtual void read_config(std::size_t offset, std::span<std::byte> data) = 0;
  virtual void write_config(std::size_t offset, std::span<const std::byte> data) = 0;

  // How far into the memory of its BAR an address is; nothing where it is not its, or it does not answer.
  [[nodiscard]] virtual auto bar_offset(std::uint64_t address, std::size_t size) const
      -> std::optional<std::size_t> = 0;
  virtual void read_bar(std::size_t offset, std::span<std::byte> data) = 0;
  virtual void write_bar(std::size_t offset, std::span<const std::byte> data) = 0;
};

}  // namespace hermitage::vmm::pci
