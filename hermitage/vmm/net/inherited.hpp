// A backend of a descriptor that whoever started this process has left open for it.
#pragma once

#include <memory>

#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/net/backend.hpp"

namespace hermitage::vmm::net {

// Takes a tap (Tap::adopt), or a connected socket: SOCK_STREAM (StreamSocket), SOCK_DGRAM or SOCK_SEQPACKET
// (DatagramSocket). The backend has a descriptor of its own: this one stays open, and is the caller's to close. Fails
// with configuration or host_failed.
[[nodiscard]] auto open_inherited(int number) -> Result<std::unique_ptr<Backend>>;

}  // namespace hermitage::vmm::net
