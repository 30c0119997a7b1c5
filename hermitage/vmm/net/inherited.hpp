// A backend for a descriptor that this process has inherited from its parent.
#pragma once

#include <memory>

#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/net/backend.hpp"

namespace hermitage::vmm::net {

// Accepts a tap (Tap::adopt), or a connected socket: SOCK_STREAM (StreamSocket), SOCK_DGRAM or SOCK_SEQPACKET
// (DatagramSocket). The backend duplicates the descriptor: this one stays open, and the caller must close it. Fails
// with configuration or host_failed.
[[nodiscard]] auto open_inherited(int number) -> Result<std::unique_ptr<Backend>>;

}  // namespace hermitage::vmm::net
