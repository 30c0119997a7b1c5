#include "hermitage/vmm/devices/unclaimed.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace hermitage::vmm {

auto UnclaimedPorts::read(const Access& access, std::span<std::byte> data) -> AccessOutcome {
  std::ranges::fill(data, std::byte{0xff});
  warnings_.add(fmt::format("reads from I/O port {:#x}, which has no device", access.address));
  return Resume{};
}

auto UnclaimedPorts::write(const Access& access, std::span<const std::byte> /*data*/) -> AccessOutcome {
  warnings_.add(fmt::format("writes to I/O port {:#x}, which has no device", access.address));
  return Resume{};
}

auto UnclaimedPorts::name_of(std::uint64_t /*address*/, bool is_write) const noexcept -> const char* {
  return is_write ? "port write" : "port read";
}

auto UnclaimedMemory::read(const Access& access, std::span<std::byte> data) -> AccessOutcome {
  return GuestFault{fmt::format("it reads {} bytes at {:#x}, outside of its memory", data.size(), access.address)};
}

auto UnclaimedMemory::write(const Access& access, std::span<const std::byte> data) -> AccessOutcome {
  return GuestFault{fmt::format("it writes {} bytes at {:#x}, outside of its memory", data.size(), access.address)};
}

auto UnclaimedMemory::name_of(std::uint64_t /*address*/, bool is_write) const noexcept -> const char* {
  return is_write ? "memory write" : "memory read";
}

}  // namespace hermitage::vmm
