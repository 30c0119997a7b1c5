// The state of a network card, for snapshots.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace hermitage::vmm {

// A queue of a virtio device, as its driver has set it up.
struct QueueState {
  std::uint16_t size = 0;  // number of descriptors
  std::uint16_t vector = 0;
  bool is_enabled = false;
  std::uint64_t descriptors = 0;  // guest-physical addresses
  std::uint64_t available = 0;
  std::uint64_t used = 0;
  std::uint16_t taken = 0;     // chains that the device has taken, modulo 2^16
  std::uint16_t returned = 0;  // chains that the device has returned, modulo 2^16

  friend auto operator==(const QueueState&, const QueueState&) -> bool = default;
};

// The registers of a virtio device on PCI: virtio 1.2, 4.1.
struct TransportState {
  std::vector<std::byte> config = {};    // the configuration space
  std::vector<std::byte> messages = {};  // the table of MSI-X
  std::uint64_t pending = 0;             // its pending bits
  std::uint32_t device_feature_select = 0;
  std::uint32_t driver_feature_select = 0;
  std::uint64_t driver_features = 0;
  std::uint16_t config_vector = 0;
  std::uint8_t status = 0;
  std::uint8_t config_generation = 0;
  std::uint16_t queue_select = 0;
  std::uint8_t interrupt_causes = 0;
  std::vector<QueueState> queues = {};

  friend auto operator==(const TransportState&, const TransportState&) -> bool = default;
};

struct NetworkState {
  std::array<std::uint8_t, 6> mac = {};
  std::optional<std::uint16_t> mtu = {};       // bytes
  std::uint16_t queue_size = 0;                // the limit of each queue
  std::optional<std::uint64_t> offloads = {};  // that the driver has selected with a command
  TransportState transport = {};

  friend auto operator==(const NetworkState&, const NetworkState&) -> bool = default;
};

}  // namespace hermitage::vmm
