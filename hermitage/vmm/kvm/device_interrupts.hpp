// The interrupts of one device, by KVM's irqfd.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/event.hpp"
#include "hermitage/vmm/interrupts.hpp"

namespace hermitage::vmm::kvm {

class Vm;

class DeviceInterrupts final : public Interrupts {
 public:
  // Makes a line of the interrupt controller, and a number of messages. The interrupt controllers of the machine must
  // be finished (Vm::finish_devices). The machine must outlive this object. A machine can have one such device. Fails
  // with kvm_failed or host_failed.
  [[nodiscard]] static auto make(const Vm& vm, std::uint32_t line, unsigned messages)
      -> Result<std::unique_ptr<DeviceInterrupts>>;

  [[nodiscard]] auto message_count() const noexcept -> unsigned override {
    return static_cast<unsigned>(messages_.size());
  }
  void raise_line() noexcept override;
  [[nodiscard]] auto set_messages(std::span<const Message> messages) -> Result<void> override;
  void send(unsigned message) noexcept override;
  [[nodiscard]] auto event_of(unsigned message) const noexcept -> int override {
    return messages_[message].descriptor();
  }

  // Signaled when the guest has acknowledged the interrupt of the line.
  [[nodiscard]] auto acknowledgement() const noexcept -> const Event& { return acknowledgement_; }
  // All descriptors that the functions above use.
  [[nodiscard]] auto descriptors() const -> std::vector<int>;

 private:
  DeviceInterrupts(int vm, Event line, Event acknowledgement) noexcept;

  int vm_;
  Event line_;
  Event acknowledgement_;
  std::vector<Event> messages_;
};

}  // namespace hermitage::vmm::kvm
