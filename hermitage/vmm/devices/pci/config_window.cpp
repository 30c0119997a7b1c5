#include "hermitage/vmm/devices/pci/config_window.hpp"

namespace hermitage::vmm::pci {
namespace {

constexpr std::uint64_t kFunctionSize = 0x1000;

struct Register {
  std::uint16_t function;  // as PciBus::read_config() takes it
  std::size_t offset;
};

auto register_at(std::uint64_t offset) -> Register {
  return {.function = static_cast<std::uint16_t>(offset / kFunctionSize),
          .offset = static_cast<std::size_t>(offset % kFunctionSize)};
}

}  // namespace

auto ConfigWindow::read(const Access& access, std::span<std::byte> data) -> AccessOutcome {
  const auto [function, offset] = register_at(access.address - start_);
  pci_.read_config(function, offset, data);
  return Resume{};
}

auto ConfigWindow::write(const Access& access, std::span<const std::byte> data) -> AccessOutcome {
  const auto [function, offset] = register_at(access.address - start_);
  pci_.write_config(function, offset, data);
  return Resume{};
}

auto ConfigWindow::name_of(std::uint64_t /*address*/, bool is_write) const noexcept -> const char* {
  return is_write ? "pci write" : "pci read";
}

}  // namespace hermitage::vmm::pci
