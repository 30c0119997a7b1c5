#include "hermitage/vmm/devices/aarch64/hypercall_pages.hpp"

#include <fmt/format.h>

namespace hermitage::vmm::aarch64 {
namespace {

constexpr std::size_t kArgumentSize = 8;

}  // namespace

auto HypercallPages::add_to(Bus& memory) -> bool {
  return memory.add(kHypercallPages.start.value, kHypercallPages.end.value - kHypercallPages.start.value, *this);
}

auto HypercallPages::read(const Access& access, std::span<std::byte> data) -> AccessOutcome {
  return GuestFault{
      fmt::format("it reads {} bytes at {:#x}, where it can only make hypercalls", data.size(), access.address)};
}

auto HypercallPages::write(const Access& access, std::span<const std::byte> data) -> AccessOutcome {
  if (data.size() != kArgumentSize && access.address >= kPageSize) {
    return GuestFault{
        fmt::format("it writes {} bytes at {:#x}, as to the registers of a serial port (PL011): it does not "
                    "detect the monitor, perhaps because it was built without the kernel feature `uhyve`",
                    data.size(), access.address)};
  }
  if (data.size() == kArgumentSize && hypercalls_.knows(static_cast<std::uint16_t>(access.address))) {
    return calls_.write(access, data);
  }
  return GuestFault{fmt::format("it writes {} bytes at {:#x}, which is not a hypercall of Uhyve interface {}",
                                data.size(), access.address, hypercalls_.interface().value)};
}

auto HypercallPages::name_of(std::uint64_t address, bool is_write) const noexcept -> const char* {
  if (!is_write) return "memory read";
  const auto number = static_cast<std::uint16_t>(address);
  return hypercalls_.knows(number) ? Hypercalls::exit_name(hypercalls_.interface(), number) : "memory write";
}

}  // namespace hermitage::vmm::aarch64
