#include "hermitage/launch/monitor_host.hpp"

#include <utility>

#include "hermitage/vmm/arch/arch.hpp"
#include "hermitage/vmm/host.hpp"

namespace hermitage::launch {

auto why_no_monitor() -> std::optional<std::string> {
  if (vmm::arch::can_virtualize()) return std::nullopt;
  return why_no_kvm();
}

auto monitor_arch() -> std::optional<entry::Arch> {
  return vmm::arch::kArch;
}

auto why_no_kvm() -> std::optional<std::string> {
  auto tried = vmm::try_kvm();
  if (tried) return std::nullopt;
  return std::move(tried.error().text);
}

auto check_monitor() -> std::vector<base::HostCheck> {
  return vmm::check_host();
}

}  // namespace hermitage::launch
