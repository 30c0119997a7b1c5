// Two hosts and a network between them, with a simulated clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "guests/network/stack.hpp"

namespace guest::network::testing {

using Frame = std::vector<std::byte>;

// A frame with the packet.
[[nodiscard]] auto frame_of(const IpPacket& packet, const MacAddress& destination, const MacAddress& source) -> Frame;
// The packet of a frame, which must be correct.
[[nodiscard]] auto packet_of(ConstBytes frame) -> IpPacket;

// Stores sent frames. Can split segments and complete checksums like a device.
class FakeLink final : public Link {
 public:
  explicit FakeLink(bool is_device = false) : is_device_{is_device} {}

  auto room() -> Bytes override { return is_full ? Bytes{} : Bytes{room_}; }
  void send(std::size_t size, const Offload& offload) override;
  [[nodiscard]] auto completes_checksums() const -> bool override { return is_device_; }
  [[nodiscard]] auto makes_segments(EtherType /*type*/) const -> bool override { return is_device_; }

  bool is_full = false;
  std::deque<Frame> sent;

 private:
  bool is_device_;
  std::vector<std::byte> room_ = std::vector<std::byte>(16384);
};

// Faults of a network. Probabilities are 0 to 1.
struct Weather {
  double loss = 0;
  double duplication = 0;
  double reordering = 0;  // probability of a delay up to five times as long
  double damage = 0;      // probability of one damaged byte
  Microseconds delay = 1000;
};

// Too large for a stack.
struct Host {
  Host(const MacAddress& mac, Ipv4Address address, bool is_device, std::uint16_t mtu, std::uint64_t seed);

  FakeLink link;
  Stack stack;
};

// Hosts 10.0.0.1 (`left`) and 10.0.0.2 (`right`), and a network with delays.
class Network {
 public:
  explicit Network(const Weather& weather, std::uint32_t seed = 1, bool is_device = false, std::uint16_t mtu = 1500);

  // Runs until `is_done`. Returns false if that takes longer than `most`.
  auto run(Microseconds most, const std::function<bool()>& is_done) -> bool;
  [[nodiscard]] auto now() const -> Microseconds { return now_; }

  std::unique_ptr<Host> left;
  std::unique_ptr<Host> right;
  Weather weather;
  std::uint64_t frames = 0;  // number of sent frames

 private:
  struct Travel {
    Microseconds arrival;
    Host* to;
    Frame frame;
  };
  void collect(Host& from, Host& to);
  void deliver();
  [[nodiscard]] auto happens(double probability) -> bool;

  std::mt19937 random_;
  Microseconds now_ = 1;
  std::vector<Travel> travels_;
};

}  // namespace guest::network::testing
