// A virtio network device: virtio 1.2, 5.1.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hermitage/vmm/devices/virtio/device.hpp"
#include "hermitage/vmm/devices/virtio/network_settings.hpp"
#include "hermitage/vmm/devices/virtio/vhost.hpp"
#include "hermitage/vmm/net/backend.hpp"
#include "hermitage/vmm/net/features.hpp"

namespace hermitage::vmm::virtio {

// Moves frames between a backend and the driver, or uses vhost for this. After the backend is closed, the link stays
// down, and frames of the driver are dropped. With vhost, the state of the backend is not observed.
class NetworkDevice final : public Device {
 public:
  enum QueueNumber : std::uint8_t { kReceive, kTransmit, kControl, kQueueCount };

  // `warn` receives a line when the backend is closed. `vhost`, if not null, serves all queues except the control
  // queue.
  NetworkDevice(net::Backend& backend, const NetworkSettings& settings, std::function<void(const std::string&)> warn,
                Vhost* vhost = nullptr);

  [[nodiscard]] auto id() const noexcept -> std::uint16_t override;
  [[nodiscard]] auto pci_class() const noexcept -> std::uint32_t override;
  [[nodiscard]] auto name() const noexcept -> const char* override { return "virtio-net"; }
  [[nodiscard]] auto queue_count() const noexcept -> std::uint16_t override { return kQueueCount; }
  [[nodiscard]] auto max_queue_size() const noexcept -> std::uint16_t override { return settings_.queue_size; }
  [[nodiscard]] auto features() const noexcept -> std::uint64_t override;
  void read_config(std::size_t offset, std::span<std::byte> data) const override;
  [[nodiscard]] auto activate(std::uint64_t features) -> std::expected<void, Broken> override;
  void stop() noexcept override;
  void reset() noexcept override;
  [[nodiscard]] auto service(Queues queues) -> std::expected<Serviced, Broken> override;
  [[nodiscard]] auto has_config_change() const noexcept -> bool override { return notice_ == LinkNotice::up_is_due; }
  void notify(unsigned queue) noexcept override;
  void set_interrupt(unsigned queue, int event) noexcept override;

  // The Ethernet address, which the driver can set.
  [[nodiscard]] auto mac() const noexcept -> const MacAddress& { return mac_; }
  // For snapshots. The offloads that the driver has selected with a command, if it has.
  [[nodiscard]] auto offloads() const noexcept -> std::optional<std::uint64_t> { return offloads_; }
  // The device continues at another place of the network, before the guest runs. It tells the driver: the link is down
  // until the driver has read that, and then up. Frames still pass. If the driver has accepted the feature
  // GUEST_ANNOUNCE, it is asked to announce its addresses.
  // The device itself sends a frame from `address`, the driver's, by which the network learns where the guest is.
  void move(std::optional<std::uint64_t> offloads, const MacAddress& address) noexcept;

  // The epoll(7) events of the backend's descriptor that service() waits for. Any thread can call it.
  [[nodiscard]] auto interest() const noexcept -> std::uint32_t { return interest_; }

 private:
  enum class Delivery : std::uint8_t { done, waits };
  // The steps of move() that the driver has not noticed yet.
  enum class LinkNotice : std::uint8_t { none, down_is_due, down, up_is_due };

  [[nodiscard]] auto has(std::uint64_t feature) const noexcept -> bool { return (taken_ & feature) != 0; }

  [[nodiscard]] auto serve_by_vhost(Queues queues) -> std::expected<Serviced, Broken>;
  [[nodiscard]] auto receive(Queue& queue) -> std::expected<void, QueueFault>;
  [[nodiscard]] auto has_frame() -> bool;
  void address_frame();
  [[nodiscard]] auto deliver(Queue& queue) -> std::expected<Delivery, QueueFault>;
  void copy_out(std::size_t chain_count);
  [[nodiscard]] auto transmit(Queue& queue) -> std::expected<void, QueueFault>;
  [[nodiscard]] auto send(const Chain& chain) -> bool;
  [[nodiscard]] auto control(Queue& queue) -> std::expected<void, QueueFault>;
  [[nodiscard]] auto obey(std::span<const std::byte> command) -> bool;
  [[nodiscard]] auto select_offloads(std::uint64_t wanted) -> bool;
  [[nodiscard]] auto set_offloads(std::uint64_t wanted) -> bool;
  void close(const net::Closed& closed);
  [[nodiscard]] auto status() const noexcept -> std::uint16_t;
  void give_notice() noexcept;
  void announce();
  void update_interest(bool has_receive_queue);
  // Whether the round can process more descriptors.
  [[nodiscard]] auto has_budget() const noexcept -> bool { return budget_ > 0; }
  void spend(const Chain& chain, std::uint64_t bytes) noexcept;

  net::Backend& backend_;
  NetworkSettings settings_;
  std::function<void(const std::string&)> warn_;
  Vhost* vhost_;
  std::array<int, kControl> interrupts_;  // for vhost's queues
  std::atomic<std::uint32_t> interest_ = 0;

  MacAddress mac_;
  bool is_link_up_ = true;
  bool link_changed_ = false;
  mutable LinkNotice notice_ = LinkNotice::none;  // changes when the driver reads the status
  bool asks_for_announcement_ = false;
  std::optional<MacAddress> unannounced_;  // the address after move(), until it is announced
  std::optional<std::uint64_t> offloads_;  // that the driver has selected with a command
  std::uint64_t taken_ = 0;                // features that the driver accepted
  std::vector<std::byte> frame_;           // the received frame, with its header
  std::size_t frame_size_ = 0;             // in bytes; 0: no frame to deliver
  bool send_waits_ = false;                // the backend accepts no frame now
  bool lacks_buffers_ = false;             // the driver has provided no buffers for a frame
  int budget_ = 0;                         // that is left in this round
  bool has_more_ = false;                  // the budget was spent before the work was complete
  std::vector<Chain> chains_;              // for a received frame
  Chain chain_;                            // for other purposes
};

}  // namespace hermitage::vmm::virtio
