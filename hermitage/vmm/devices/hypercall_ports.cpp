#include "hermitage/vmm/devices/hypercall_ports.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "hermitage/vmm/hypercalls/hypercall_log.hpp"

namespace hermitage::vmm {
namespace {

// An access of up to 8 bytes touches only one address: the next hypercall is at least 16 bytes after it.
constexpr std::uint64_t kRangeSize = 8;

}  // namespace

auto HypercallPorts::add_to(Bus& bus) -> bool {
  return std::ranges::all_of(Hypercalls::ports(hypercalls_.interface()),
                             [&](std::uint16_t port) { return bus.add(port, kRangeSize, *this); });
}

auto HypercallPorts::read(const Access& access, std::span<std::byte> data) -> AccessOutcome {
  const auto port = static_cast<std::uint16_t>(access.address);
  if (!has_reads() || !hypercalls_.knows(port)) return unclaimed_.read(access, data);
  std::ranges::fill(data, static_cast<std::byte>(hypercalls_.read_port(port)));
  return Resume{};
}

auto HypercallPorts::write(const Access& access, std::span<const std::byte> data) -> AccessOutcome {
  const auto port = static_cast<std::uint16_t>(access.address);
  if (!hypercalls_.knows(port)) return unclaimed_.write(access, data);
  std::uint64_t argument = 0;
  if (!has_reads()) {
    std::memcpy(&argument, data.data(), std::min(data.size(), sizeof argument));
  } else if (access.vcpu != nullptr) {
    argument = access.vcpu->hypercall_argument();
  }
  const auto paging = [&] { return access.vcpu == nullptr ? std::nullopt : std::optional{access.vcpu->paging()}; };
  auto* const log = access.vcpu == nullptr ? nullptr : access.vcpu->hypercall_log();
  if (log != nullptr) log->begin(port, argument, hypercalls_.memory());
  auto outcome = hypercalls_.call(port, argument, paging);
  if (log != nullptr) log->end(hypercalls_.memory());
  if (auto* const fault = std::get_if<GuestFault>(&outcome)) {
    return GuestFault{
        fmt::format("invalid hypercall {}: {}", Hypercalls::name(hypercalls_.interface(), port), fault->reason)};
  }
  return outcome;
}

auto HypercallPorts::name_of(std::uint64_t address, bool is_write) const noexcept -> const char* {
  const auto port = static_cast<std::uint16_t>(address);
  const bool is_hypercall = hypercalls_.knows(port) && (is_write || has_reads());
  return is_hypercall ? Hypercalls::exit_name(hypercalls_.interface(), port) : unclaimed_.name_of(address, is_write);
}

}  // namespace hermitage::vmm
