// Makes the kernel close a file after the program has continued or has ended.
//
// KVM needs 13 to 18 ms to free a virtual machine, and sleeps for most of this time. The thread that closes the last
// descriptor of the machine sleeps, too. This also happens at the end of a process, so its parent waits.
#pragma once

#include <optional>
#include <utility>

#include "hermitage/vmm/descriptor.hpp"

namespace hermitage::vmm {

// Keeps an open file alive until this object is destroyed, or the process ends in any way. After that, a thread of the
// kernel closes the file some milliseconds later. No other process is involved.
//
// The file is part of a message that no process receives (unix(7), SCM_RIGHTS). The message is queued at a socket, and
// contains that socket, too. No descriptor is left when the process ends, but socket and message keep each other alive
// until the kernel's garbage collector for such sockets finds them. The collector runs when a socket is closed that is
// in no message. Before Linux 6.9, and before June 2025 in the series 6.1 and 6.6, it runs in the thread that closes
// that socket. Then this class has no advantage.
class DeferredClose {
 public:
  // Returns nothing if the kernel does not accept the message. Causes: it has no AF_UNIX sockets, the process has no
  // free descriptor, or its user has more than RLIMIT_NOFILE descriptors in messages and no CAP_SYS_RESOURCE. Each
  // object has two descriptors in messages.
  [[nodiscard]] static auto of(int descriptor) noexcept -> std::optional<DeferredClose>;

 private:
  DeferredClose(Descriptor trigger, Descriptor holder) noexcept
      : trigger_{std::move(trigger)}, holder_{std::move(holder)} {}

  // Closed last. When the collector then runs, no descriptor of holder_ is left.
  Descriptor trigger_;
  Descriptor holder_;  // the socket at which the message is queued
};

}  // namespace hermitage::vmm
