// The interrupts that a device sends to the guest.
#pragma once

#include <cstdint>
#include <span>

#include "hermitage/vmm/error.hpp"

namespace hermitage::vmm {

// An interrupt that is a write to memory, which the interrupt controller receives: MSI and MSI-X.
struct Message {
  std::uint64_t address = 0;
  std::uint32_t data = 0;

  friend auto operator==(const Message&, const Message&) -> bool = default;
};

// For one thread at a time.
class Interrupts {
 public:
  Interrupts() = default;
  Interrupts(const Interrupts&) = delete;
  auto operator=(const Interrupts&) -> Interrupts& = delete;
  virtual ~Interrupts() = default;

  // 0: the guest can receive no messages, only the line.
  [[nodiscard]] virtual auto message_count() const noexcept -> unsigned = 0;

  // Raises the line, which is level-triggered, until the guest has acknowledged the interrupt.
  virtual void raise_line() noexcept = 0;

  // Sets all messages. `send` sends one of them, by its index.
  [[nodiscard]] virtual auto set_messages(std::span<const Message> messages) -> Result<void> = 0;
  virtual void send(unsigned message) noexcept = 0;
  // The eventfd(2) that another process or the kernel signals to send a message.
  [[nodiscard]] virtual auto event_of(unsigned message) const noexcept -> int = 0;
};

}  // namespace hermitage::vmm
