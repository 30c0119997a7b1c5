#include "hermitage/vmm/isolation/filters.hpp"

#include <iterator>

namespace hermitage::vmm::isolation {
namespace {

#include "filters.inc"

static_assert(std::size(kVcpuFilter) <= kMaxSteps && std::size(kSupervisorFilter) <= kMaxSteps &&
              std::size(kNetworkFilter) <= kMaxSteps);

}  // namespace

auto filter_of(Role role) noexcept -> std::span<const sock_filter> {
  switch (role) {
    case Role::vcpu: return kVcpuFilter;
    case Role::supervisor: return kSupervisorFilter;
    case Role::network: return kNetworkFilter;
    case Role::debugger: return kDebuggerFilter;
    case Role::saver: return kSaverFilter;
    case Role::control: return kControlFilter;
  }
  return {};
}

auto name_of(int system_call) noexcept -> std::string_view {
  std::string_view names{kNames, sizeof kNames - 1};
  for (int number = 0; number < system_call && !names.empty(); ++number) {
    names.remove_prefix(names.find('\0') + 1);
  }
  return system_call < 0 ? std::string_view{} : names.substr(0, names.find('\0'));
}

}  // namespace hermitage::vmm::isolation
