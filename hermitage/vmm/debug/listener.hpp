// The socket to which debuggers connect.
#pragma once

#include <sys/types.h>
#include <cstdint>

#include <optional>
#include <string>
#include <string_view>

#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/error.hpp"

namespace hermitage::vmm::debug {

struct Listener {
  Descriptor socket;
  std::string address;  // in the format of GDB's command `target remote`
};

struct ListenOptions {
  std::optional<mode_t> mode = {};  // of the socket's file, less the umask; without it, what the umask leaves
  int backlog = 1;                  // connections that wait to be accepted
};

// Listens at `unix:PATH`, `PORT` or `ADDRESS:PORT` (IPv4). The default address is 127.0.0.1. Port 0 selects any free
// port. Replaces a socket at PATH if no process listens there. Fails with configuration or host_failed.
[[nodiscard]] auto listen_at(std::string_view place, const ListenOptions& options = {}) -> Result<Listener>;

}  // namespace hermitage::vmm::debug
