// The interrupts of one device, by KVM's events: irqfd.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/interrupts.hpp"

namespace hermitage::vmm::kvm {

class Vm;

class DeviceInterrupts final : public Interrupts {
 public:
  // A line of the interrupt controller, and a number of messages. The machine must have its controllers, and exist as
  // long as this is used; it can have one such device. Fails with kvm_failed or host_failed.
  [[nodiscard]] static auto make(const Vm& vm, std::uint32_t line, unsigned messages)
      -> Result<std::unique_ptr<DeviceInterrupts>>;

  void raise_line() noexcept override;
  [[nodiscard]] auto set_messages(std::span<const Message> messages) -> Result<void> override;
  void send(unsigned message) noexcept override;

  // An event, which is readable when the guest has acknowledged the interrupt of the line.
  [[nodiscard]] auto acknowledgement() const noexcept -> int { return acknowledgement_.get(); }
  // All that the functions above use.
  [[nodiscard]] auto descriptors() const -> std::vector<int>;

 private:
  DeviceInterrupts(int vm, Descriptor line, Descriptor acknowledgement) noexcept;

  int vm_;
  Descriptor line_;
  Descriptor acknowledgement_;
  std::vector<Descriptor> messages_;
};

}  // namespace hermitage::vmm::kvm
