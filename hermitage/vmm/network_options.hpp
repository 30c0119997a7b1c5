// A network card, as a machine is asked for one.
#pragma once

#include <memory>

#include "hermitage/vmm/devices/virtio/network_settings.hpp"
#include "hermitage/vmm/devices/virtio/vhost_net.hpp"
#include "hermitage/vmm/net/backend.hpp"

namespace hermitage::vmm {

struct NetworkOptions {
  std::unique_ptr<net::Backend> backend;
  std::unique_ptr<virtio::VhostNet> vhost = nullptr;  // of the backend's tap interface, or none
  virtio::NetworkSettings card;
};

}  // namespace hermitage::vmm
