// A virtio network device (virtio 1.2, 5.1) with one queue for each direction.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "guests/devices/virtio_pci.hpp"
#include "guests/devices/virtqueue.hpp"
#include "guests/network/address.hpp"
#include "guests/network/link.hpp"
#include "guests/network/wire.hpp"

namespace guest {

namespace virtio_feature {
constexpr auto bit(unsigned number) -> std::uint64_t {
  return std::uint64_t{1} << number;
}
inline constexpr std::uint64_t kChecksum = bit(0);       // of sent frames
inline constexpr std::uint64_t kGuestChecksum = bit(1);  // of received frames
inline constexpr std::uint64_t kMtu = bit(3);
inline constexpr std::uint64_t kMac = bit(5);
inline constexpr std::uint64_t kGuestTso4 = bit(7);  // receives segments larger than a frame
inline constexpr std::uint64_t kGuestTso6 = bit(8);
inline constexpr std::uint64_t kHostTso4 = bit(11);  // sends segments larger than a frame
inline constexpr std::uint64_t kHostTso6 = bit(12);
inline constexpr std::uint64_t kMergeableBuffers = bit(15);
inline constexpr std::uint64_t kStatus = bit(16);
inline constexpr std::uint64_t kIndirect = bit(28);
inline constexpr std::uint64_t kEventIndex = bit(29);
inline constexpr std::uint64_t kVersion1 = bit(32);

inline constexpr std::uint64_t kSupported = kChecksum | kGuestChecksum | kMtu | kMac | kGuestTso4 | kGuestTso6 |
                                            kHostTso4 | kHostTso6 | kMergeableBuffers | kStatus | kIndirect |
                                            kEventIndex | kVersion1;
}  // namespace virtio_feature

class VirtioNet final : public network::Link {
 public:
  struct Options {
    std::uint64_t features = virtio_feature::kSupported;  // features to accept if the device offers them
    std::uint16_t queue_size = 256;                       // largest size; a power of two
    bool refills = true;                                  // returns receive buffers to the device
    std::uint16_t receive_vector = VirtioPci::kNoVector;
    std::uint16_t send_vector = VirtioPci::kNoVector;
  };
  struct Memory;  // accessed by the device

  VirtioNet(VirtioPci& transport, Memory& memory, const Options& options)
      : transport_{&transport}, memory_{&memory}, options_{options} {}

  // Sets the device up from any state. The content of its queues is lost.
  void start();

  [[nodiscard]] auto mac() const -> network::MacAddress { return mac_; }
  [[nodiscard]] auto mtu() const -> std::uint16_t { return mtu_; }
  [[nodiscard]] auto has(std::uint64_t feature) const -> bool { return (features_ & feature) != 0; }
  [[nodiscard]] auto features() const -> std::uint64_t { return features_; }

  struct Frame {
    network::ConstBytes bytes;
    bool is_checked;  // checksums are correct, or the device completes them
  };
  // The next received frame. It is valid until `release`.
  [[nodiscard]] auto receive() -> std::optional<Frame>;
  void release();

  // Publishes the sent frames, and returns receive buffers to the device. Call this when there is no other work.
  void flush();

  // Prepares to wait for an interrupt. Returns false if there already is work.
  [[nodiscard]] auto prepare_to_wait() -> bool;
  // Disables interrupts during work.
  void end_wait();

  // Whether the device reports that it needs a reset.
  [[nodiscard]] auto needs_reset() const -> bool { return (transport_->status() & virtio_status::kNeedsReset) != 0; }
  // Publishes a chain that leads back to its beginning.
  void send_loop();

  [[nodiscard]] auto received() const -> std::uint64_t { return received_; }
  [[nodiscard]] auto sent() const -> std::uint64_t { return sent_; }

  // network::Link
  [[nodiscard]] auto room() -> network::Bytes override;
  void send(std::size_t size, const network::Offload& offload) override;
  [[nodiscard]] auto completes_checksums() const -> bool override { return has(virtio_feature::kChecksum); }
  [[nodiscard]] auto makes_segments(network::EtherType type) const -> bool override {
    return has(type == network::EtherType::ipv6 ? virtio_feature::kHostTso6 : virtio_feature::kHostTso4);
  }

 private:
  static constexpr std::uint16_t kReceiveQueue = 0;
  static constexpr std::uint16_t kSendQueue = 1;

  void negotiate();
  void read_configuration();
  void start_receiving();
  void start_sending();
  [[nodiscard]] auto queue_size(std::uint16_t index) const -> std::uint16_t;
  [[nodiscard]] auto receive_buffer(std::uint16_t index) const -> network::Bytes;
  void give_back(std::uint16_t index);
  [[nodiscard]] auto merge(network::ConstBytes first, unsigned count) -> network::ConstBytes;
  void reclaim();

  VirtioPci* transport_;
  Memory* memory_;
  Options options_;
  std::uint64_t features_ = 0;
  network::MacAddress mac_;
  std::uint16_t mtu_ = 1500;
  std::uint32_t receive_size_ = 0;   // size of a buffer
  std::uint16_t receive_count_ = 0;  // number of buffers
  std::uint16_t held_ = 0;           // the buffer of the last received frame
  bool is_holding_ = false;
  std::array<std::uint16_t, Virtqueue::kMostSize> free_{};  // free send buffers
  std::uint16_t free_count_ = 0;
  bool is_out_of_room_ = false;
  std::uint64_t received_ = 0;
  std::uint64_t sent_ = 0;
};

struct VirtioNet::Memory {
  static constexpr std::size_t kReceiveSize = std::size_t{4} << 20;
  static constexpr std::size_t kSendBufferSize = std::size_t{16} << 10;
  static constexpr std::size_t kSendBuffers = 256;
  static constexpr std::size_t kLargestFrame = 65536 + 64;

  Virtqueue receive_queue;
  Virtqueue send_queue;
  alignas(16) std::array<std::array<VirtqueueDescriptor, 2>, kSendBuffers> indirect;
  alignas(4096) std::array<std::byte, kReceiveSize> receive_buffers;
  alignas(4096) std::array<std::array<std::byte, kSendBufferSize>, kSendBuffers> send_buffers;
  std::array<std::byte, kLargestFrame> merged;
};

}  // namespace guest
