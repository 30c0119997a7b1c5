#include "hermitage/vmm/kvm/device_interrupts.hpp"

#include <linux/kvm.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <sys/ioctl.h>

#include "hermitage/vmm/kvm/call.hpp"
#include "hermitage/vmm/kvm/line_routes.hpp"
#include "hermitage/vmm/kvm/list.hpp"
#include "hermitage/vmm/kvm/vm.hpp"

namespace hermitage::vmm::kvm {
namespace {

// Reserved bits in the upper half of an address. With x2APIC's IDs of 32 bits, KVM rejects all messages if one has any
// of these bits.
constexpr std::uint32_t kReservedAddress = 0xff;
constexpr unsigned long kSetRouting = _IOW(KVMIO, 0x6a, ListHeader);

auto connect(int vm, kvm_irqfd request) -> Result<void> {
  if (::ioctl(vm, KVM_IRQFD, &request) != 0) return call_failed("KVM_IRQFD");
  return {};
}

}  // namespace

auto DeviceInterrupts::make(const Vm& vm, std::uint32_t line, unsigned messages)
    -> Result<std::unique_ptr<DeviceInterrupts>> {
  auto event = Event::make();
  if (!event) return std::unexpected{event.error()};
  auto acknowledgement = Event::make();
  if (!acknowledgement) return std::unexpected{acknowledgement.error()};
  std::unique_ptr<DeviceInterrupts> result{
      new DeviceInterrupts{vm.descriptor(), std::move(*event), std::move(*acknowledgement)}};
  kvm_irqfd request{};
  request.fd = static_cast<std::uint32_t>(result->line_.descriptor());
  request.gsi = line;
  request.flags = KVM_IRQFD_FLAG_RESAMPLE;
  request.resamplefd = static_cast<std::uint32_t>(result->acknowledgement_.descriptor());
  if (auto connected = connect(result->vm_, request); !connected) return std::unexpected{connected.error()};
  for (unsigned i = 0; i < messages; ++i) {
    auto message = Event::make();
    if (!message) return std::unexpected{message.error()};
    kvm_irqfd target{};
    target.fd = static_cast<std::uint32_t>(message->descriptor());
    target.gsi = kFirstMessage + i;
    if (auto connected = connect(result->vm_, target); !connected) return std::unexpected{connected.error()};
    result->messages_.push_back(std::move(*message));
  }
  return result;
}

DeviceInterrupts::DeviceInterrupts(int vm, Event line, Event acknowledgement) noexcept
    : vm_{vm}, line_{std::move(line)}, acknowledgement_{std::move(acknowledgement)} {}

void DeviceInterrupts::raise_line() noexcept {
  line_.signal();
}

auto DeviceInterrupts::set_messages(std::span<const Message> messages) -> Result<void> {
  const auto lines = line_routes();
  List<kvm_irq_routing_entry> routing{lines.size() + messages.size()};
  const auto entries = routing.entries();
  std::ranges::copy(lines, entries.begin());
  for (std::uint32_t i = 0; i < messages.size(); ++i) {
    kvm_irq_routing_entry entry{};
    entry.gsi = kFirstMessage + i;
    entry.type = KVM_IRQ_ROUTING_MSI;
    entry.u.msi.address_lo = static_cast<std::uint32_t>(messages[i].address);
    entry.u.msi.address_hi = static_cast<std::uint32_t>(messages[i].address >> 32) & ~kReservedAddress;
    entry.u.msi.data = messages[i].data;
    entries[lines.size() + i] = entry;
  }
  if (::ioctl(vm_, kSetRouting, routing.header()) != 0) return call_failed("KVM_SET_GSI_ROUTING");
  return {};
}

void DeviceInterrupts::send(unsigned message) noexcept {
  messages_[message].signal();
}

auto DeviceInterrupts::descriptors() const -> std::vector<int> {
  std::vector<int> result{vm_, line_.descriptor(), acknowledgement_.descriptor()};
  for (const auto& message : messages_) result.push_back(message.descriptor());
  return result;
}

}  // namespace hermitage::vmm::kvm
