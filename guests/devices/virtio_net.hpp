// A network device of virtio (virtio 1.2, 5.1): one queue each way.
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
inline constexpr std::uint64_t kChecksum = bit(0);       // of what is sent
inline constexpr std::uint64_t kGuestChecksum = bit(1);  // of what is received
inline constexpr std::uint64_t kMtu = bit(3);
inline constexpr std::uint64_t kMac = bit(5);
inline constexpr std::uint64_t kGuestTso4 = bit(7);  // receives more than a frame at once
inline constexpr std::uint64_t kHostTso4 = bit(11);  // sends more than a frame at once
inline constexpr std::uint64_t kMergeableBuffers = bit(15);
inline constexpr std::uint64_t kStatus = bit(16);
inline constexpr std::uint64_t kIndirect = bit(28);
inline constexpr std::uint64_t kEventIndex = bit(29);
inline constexpr std::uint64_t kVersion1 = bit(32);

inline constexpr std::uint64_t kSupported = kChecksum | kGuestChecksum | kMtu | kMac | kGuestTso4 | kHostTso4 |
                                            kMergeableBuffers | kStatus | kIndirect | kEventIndex | kVersion1;
}  // namespace virtio_feature

class VirtioNet final : public network::Link {
 public:
  struct Options {
    std::uint64_t features = virtio_feature::kSupported;  // to accept, if the device offers them
    std::uint16_t queue_size = 256;                       // at most; a power of two
    bool refills = true;                                  // gives receive buffers back
    std::uint16_t receive_vector = VirtioPci::kNoVector;
    std::uint16_t send_vector = VirtioPci::kNoVector;
  };
  struct Memory;  // what the device reads and writes

  VirtioNet(VirtioPci& transport, Memory& memory, const Options& options)
      : transport_{&transport}, memory_{&memory}, options_{options} {}

  // Sets the device up, from whatever state it is in. What was in its queues is lost.
  void start();

  [[nodiscard]] auto mac() const -> network::MacAddress { return mac_; }
  [[nodiscard]] auto mtu() const -> std::uint16_t { return mtu_; }
  [[nodiscard]] auto has(std::uint64_t feature) const -> bool { return (features_ & feature) != 0; }
  [[nodiscard]] auto features() const -> std::uint64_t { return features_; }

  struct Frame {
    network::ConstBytes bytes;
    bool is_checked;  // its checksums are right, or about to be made on its way
  };
  // The next frame that has arrived, which stays until `release`.
  [[nodiscard]] auto receive() -> std::optional<Frame>;
  void release();

  // Hands over what was sent, and gives receive buffers back. To be called when nothing is left to be done.
  void flush();

  // Prepares to wait for an interrupt; false when there is something to do already, and nothing to wait for.
  [[nodiscard]] auto prepare_to_wait() -> bool;
  // No interrupts while it is busy.
  void end_wait();

  // Whether the device says that it cannot go on.
  [[nodiscard]] auto needs_reset() const -> bool { return (transport_->status() & virtio_status::kNeedsReset) != 0; }
  // Hands over a chain that leads back to its beginning.
  void send_loop();

  [[nodiscard]] auto received() const -> std::uint64_t { return received_; }
  [[nodiscard]] auto sent() const -> std::uint64_t { return sent_; }

  // network::Link
  [[nodiscard]] auto room() -> network::Bytes override;
  void send(std::size_t size, const network::Offload& offload) override;
  [[nodiscard]] auto completes_checksums() const -> bool override { return has(virtio_feature::kChecksum); }
  [[nodiscard]] auto makes_segments() const -> bool override { return has(virtio_feature::kHostTso4); }

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
  std::uint32_t receive_size_ = 0;   // of a buffer
  std::uint16_t receive_count_ = 0;  // of buffers
  std::uint16_t held_ = 0;           // the buffer of the frame that was received last
  bool is_holding_ = false;
  std::array<std::uint16_t, Virtqueue::kMostSize> free_{};  // send buffers
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
