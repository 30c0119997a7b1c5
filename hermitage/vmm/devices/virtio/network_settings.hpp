// The settings of a network card.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace hermitage::vmm::virtio {

using MacAddress = std::array<std::uint8_t, 6>;

struct NetworkSettings {
  MacAddress mac;
  std::optional<std::uint16_t> mtu = std::nullopt;  // in bytes; reported to the driver if set
  std::uint16_t queue_size = 256;                   // of each queue: a power of two from 2 to 1024
};

}  // namespace hermitage::vmm::virtio
