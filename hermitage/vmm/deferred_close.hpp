// Leaves it to the kernel to close a file, after the program has gone on or has ended.
//
// KVM takes 13 to 18 ms to free a virtual machine, and sleeps for most of them. The thread that closes the machine's
// last descriptor sleeps with it, also at the end of a process: its parent waits, too.
#pragma once

#include <optional>
#include <utility>

#include "hermitage/vmm/descriptor.hpp"

namespace hermitage::vmm {

// Keeps an open file alive until this object is destroyed, or the process ends, in whatever way. After that a thread of
// the kernel closes the file, some milliseconds later. There is no other process.
//
// The file is part of a message that nobody receives (unix(7), SCM_RIGHTS). The message waits at a socket, and is for
// that socket, too: no descriptor is left when the process ends, but the two keep each other alive, until the kernel's
// garbage collector for such sockets finds them. It runs whenever a socket is closed that is in no message. Before
// Linux 6.9, and before June 2025 in its series 6.1 and 6.6, it runs in the thread that closes that socket; nothing is
// gained then.
class DeferredClose {
 public:
  // Nothing if the kernel does not take the message: it has no AF_UNIX sockets, the process has no descriptor left, or
  // its user, without CAP_SYS_RESOURCE, has more than RLIMIT_NOFILE descriptors in messages. Each object has two there.
  [[nodiscard]] static auto of(int descriptor) noexcept -> std::optional<DeferredClose>;

 private:
  DeferredClose(Descriptor trigger, Descriptor holder) noexcept
      : trigger_{std::move(trigger)}, holder_{std::move(holder)} {}

  // The last one to be closed, so that the collector that runs then sees no descriptor of holder_.
  Descriptor trigger_;
  Descriptor holder_;  // where the message waits
};

}  // namespace hermitage::vmm
