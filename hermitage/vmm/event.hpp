// An event that threads signal, and for which they wait with a descriptor: eventfd(2).
#pragma once

#include <utility>

#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/error.hpp"

namespace hermitage::vmm {

// Any thread and any signal handler can call its functions. They do not change errno.
class Event {
 public:
  // Fails with host_failed.
  [[nodiscard]] static auto make() -> Result<Event>;

  // Makes the descriptor readable until clear().
  void signal() const noexcept;
  void clear() const noexcept;

  [[nodiscard]] auto descriptor() const noexcept -> int { return descriptor_.get(); }

 private:
  explicit Event(Descriptor descriptor) noexcept : descriptor_{std::move(descriptor)} {}

  Descriptor descriptor_;
};

}  // namespace hermitage::vmm
