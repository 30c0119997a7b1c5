// Where debuggers connect to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/error.hpp"

namespace hermitage::vmm::debug {

struct Listener {
  Descriptor socket;
  std::string address;  // as `target remote` of GDB takes it
};

// `unix:PATH`, `PORT` or `ADDRESS:PORT` of IPv4; without an address 127.0.0.1. The port 0 is any that is free. A socket
// at PATH that nobody listens at is replaced. Fails with configuration or host_failed.
[[nodiscard]] auto listen_at(std::string_view place) -> Result<Listener>;

}  // namespace hermitage::vmm::debug
