// Two hosts and what lies between them, with a clock of its own.
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

// Keeps what is sent. Splits segments and completes checksums if it is told that it can, as a device does.
class FakeLink final : public Link {
 public:
  explicit FakeLink(bool is_device = false) : is_device_{is_device} {}

  auto room() -> Bytes override { return is_full ? Bytes{} : Bytes{room_}; }
  void send(std::size_t size, const Offload& offload) override;
  [[nodiscard]] auto completes_checksums() const -> bool override { return is_device_; }
  [[nodiscard]] auto makes_segments() const -> bool override { return is_device_; }

  bool is_full = false;
  std::deque<Frame> sent;

 private:
  bool is_device_;
  std::vector<std::byte> room_ = std::vector<std::byte>(16384);
};

// What a network does to frames; probabilities from 0 to 1.
struct Weather {
  double loss = 0;
  double duplication = 0;
  double reordering = 0;  // of being late by up to five times the delay
  double damage = 0;      // of a byte
  Microseconds delay = 1000;
};

// Too large for a stack.
struct Host {
  Host(const MacAddress& mac, Ipv4Address address, bool is_device, std::uint16_t mtu, std::uint64_t seed);

  FakeLink link;
  Stack stack;
};

// Hosts 10.0.0.1 (`left`) and 10.0.0.2 (`right`), whose frames take their time.
class Network {
 public:
  explicit Network(const Weather& weather, std::uint32_t seed = 1, bool is_device = false, std::uint16_t mtu = 1500);

  // Goes on until `is_done`, or until `most` has passed; false then.
  auto run(Microseconds most, const std::function<bool()>& is_done) -> bool;
  [[nodiscard]] auto now() const -> Microseconds { return now_; }

  std::unique_ptr<Host> left;
  std::unique_ptr<Host> right;
  Weather weather;
  std::uint64_t frames = 0;  // that were sent

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
