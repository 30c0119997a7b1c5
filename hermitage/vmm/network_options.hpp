// The options of a network card.
#pragma once

#include <memory>

#include "hermitage/vmm/devices/virtio/network_settings.hpp"
#include "hermitage/vmm/devices/virtio/vhost_net.hpp"
#include "hermitage/vmm/net/backend.hpp"

namespace hermitage::vmm {

struct NetworkOptions {
  std::unique_ptr<net::Backend> backend;
  std::unique_ptr<virtio::VhostNet> vhost = nullptr;  // for the backend's tap, or null
  virtio::NetworkSettings card;
};

}  // namespace hermitage::vmm
