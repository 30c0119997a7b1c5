// What a network card is made with.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace hermitage::vmm::virtio {

using MacAddress = std::array<std::uint8_t, 6>;

struct NetworkSettings {
  MacAddress mac;
  std::optional<std::uint16_t> mtu = std::nullopt;  // bytes; what the driver is told, if anything
  std::uint16_t queue_size = 256;                   // of each queue: a power of two from 2 to 1024
};

}  // namespace hermitage::vmm::virtio
