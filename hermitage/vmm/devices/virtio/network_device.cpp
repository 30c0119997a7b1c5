#include "hermitage/vmm/devices/virtio/network_device.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <type_traits>
#include <utility>

#include <fmt/format.h>
#include <sys/epoll.h>

#include "hermitage/entry/bytes.hpp"
#include "hermitage/vmm/net/features.hpp"
#include "hermitage/vmm/net/frame.hpp"

namespace hermitage::vmm::virtio {
namespace {

using entry::Endian;

constexpr std::uint16_t kId = 1;
constexpr std::uint32_t kEthernetClass = 0x020000;
constexpr int kBudget = 2048;  // limit of a round, during which vCPUs can wait for its lock: one for each descriptor,
                               // and one for each kUnit bytes
constexpr std::uint64_t kUnit = 2048;
constexpr std::size_t kMaxCommand = 4096;

constexpr auto kOwnFeatures = (net::feature::kMac | net::feature::kStatus | net::feature::kMrgRxbuf |
                               net::feature::kCtrlVq | net::feature::kCtrlRx | net::feature::kCtrlRxExtra |
                               net::feature::kGuestAnnounce | net::feature::kCtrlVlan | net::feature::kCtrlMacAddr);
// virtio 1.2, 5.1.4, up to the fields that the features of this device need.
struct Config {
  MacAddress mac;
  std::uint16_t status;
  std::uint16_t queue_pairs;
  std::uint16_t mtu;
};
static_assert(std::has_unique_object_representations_v<Config>);
constexpr std::uint16_t kLinkUp = 1;
constexpr std::uint16_t kAnnounce = 2;

// 5.1.6.5: commands of the control queue, by class.
constexpr std::size_t kCommandHeader = 2;
constexpr unsigned kReceiveClass = 0;
constexpr unsigned kLastReceiveCommand = 5;
constexpr unsigned kMacClass = 1;
constexpr unsigned kMacTableSet = 0;
constexpr unsigned kMacAddressSet = 1;
constexpr unsigned kVlanClass = 2;
constexpr unsigned kLastVlanCommand = 1;
constexpr unsigned kAnnounceClass = 3;
constexpr unsigned kAnnounceAck = 0;
constexpr unsigned kOffloadsClass = 5;
constexpr unsigned kOffloadsSet = 0;
constexpr std::byte kOk{0};
constexpr std::byte kError{1};

// Offloads for received frames, which a driver can enable and disable.
constexpr auto kGuestOffloads = (net::feature::kGuestCsum | net::feature::kGuestTso4 | net::feature::kGuestTso6 |
                                 net::feature::kGuestEcn | net::feature::kGuestUfo);
constexpr auto kHostOffloads = (net::feature::kCsum | net::feature::kHostTso4 | net::feature::kHostTso6 |
                                net::feature::kHostEcn | net::feature::kHostUfo);

// virtio 1.2, 5.1.3.1: features for frames with incomplete checksums require the checksum feature.
auto with_requirements(std::uint64_t features) -> std::uint64_t {
  if ((features & (net::feature::kGuestCsum)) == 0) features &= ~kGuestOffloads;
  if ((features & (net::feature::kCsum)) == 0) features &= ~kHostOffloads;
  return features;
}

// Copies the first bytes of the pieces, at most the size of `target`. Returns their number.
auto gather(std::span<const iovec> pieces, std::span<std::byte> target) -> std::size_t {
  std::size_t size = 0;
  for (const auto& piece : pieces) {
    const auto part = std::min(piece.iov_len, target.size() - size);
    std::memcpy(target.data() + size, piece.iov_base, part);
    size += part;
  }
  return size;
}

auto broken(std::size_t queue, QueueFault fault) -> std::unexpected<Broken> {
  return std::unexpected{Broken{fmt::format("queue {} {}", queue, fault.what)}};
}

}  // namespace

NetworkDevice::NetworkDevice(net::Backend& backend, const NetworkSettings& settings,
                             std::function<void(const std::string&)> warn, Vhost* vhost)
    : backend_{backend},
      settings_{settings},
      warn_{std::move(warn)},
      vhost_{vhost},
      mac_{settings.mac},
      frame_(net::kMaxFrame) {
  interrupts_.fill(kNoEvent);
}

auto NetworkDevice::id() const noexcept -> std::uint16_t {
  return kId;
}

auto NetworkDevice::pci_class() const noexcept -> std::uint32_t {
  return kEthernetClass;
}

auto NetworkDevice::features() const noexcept -> std::uint64_t {
  auto features = kOwnFeatures | backend_.features();
  if (settings_.mtu) features |= (net::feature::kMtu);
  if ((backend_.features() & kGuestOffloads) != 0) features |= (net::feature::kCtrlGuestOffloads);
  return features;
}

void NetworkDevice::read_config(std::size_t offset, std::span<std::byte> data) const {
  Config config{};
  config.mac = mac_;
  config.status = status();
  config.queue_pairs = 1;
  config.mtu = settings_.mtu.value_or(0);
  const auto bytes = std::as_bytes(std::span{&config, 1});
  std::ranges::fill(data, std::byte{});
  if (offset >= bytes.size()) return;
  std::ranges::copy(bytes.subspan(offset, std::min(data.size(), bytes.size() - offset)), data.begin());
  const bool has_status = offset <= offsetof(Config, status) && offset + data.size() > offsetof(Config, status);
  if (has_status && notice_ == LinkNotice::down) notice_ = LinkNotice::up_is_due;
}

auto NetworkDevice::status() const noexcept -> std::uint16_t {
  if (!is_link_up_ || notice_ == LinkNotice::down || notice_ == LinkNotice::up_is_due) return 0;
  const bool asks = asks_for_announcement_ && has(net::feature::kGuestAnnounce);
  return static_cast<std::uint16_t>(kLinkUp | (asks ? kAnnounce : 0));
}

void NetworkDevice::move(std::optional<std::uint64_t> offloads, const MacAddress& address) noexcept {
  offloads_ = offloads;
  unannounced_ = address;
  notice_ = LinkNotice::down_is_due;
  asks_for_announcement_ = true;
}

// A request of RARP (RFC 903), which gets no answer: hypervisors announce addresses with it, because it names no IP
// address.
void NetworkDevice::announce() {
  if (!unannounced_ || !is_link_up_) return;
  constexpr std::array<std::uint8_t, 10> kRequest{0x80, 0x35, 0, 1, 8, 0, 6, 4, 0, 3};
  constexpr std::size_t kLeastFrame = 60;
  constexpr std::size_t kSourceOffset = net::kHeaderSize + sizeof(MacAddress);
  constexpr std::size_t kRequestOffset = kSourceOffset + sizeof(MacAddress);
  constexpr std::size_t kSenderOffset = kRequestOffset + kRequest.size();
  constexpr std::size_t kTargetOffset = kSenderOffset + sizeof(MacAddress) + 4;  // after an IPv4 address of zeros
  std::array<std::byte, net::kHeaderSize + kLeastFrame> frame{};
  std::fill_n(frame.begin() + net::kHeaderSize, sizeof(MacAddress), std::byte{0xff});
  std::memcpy(frame.data() + kRequestOffset, kRequest.data(), kRequest.size());
  for (const auto offset : {kSourceOffset, kSenderOffset, kTargetOffset}) {
    std::memcpy(frame.data() + offset, unannounced_->data(), unannounced_->size());
  }
  const iovec piece{.iov_base = frame.data(), .iov_len = frame.size()};
  const auto sent = backend_.send({&piece, 1});
  if (sent && !*sent) return;
  unannounced_.reset();
  if (!sent) close(sent.error());
}

void NetworkDevice::give_notice() noexcept {
  if (notice_ != LinkNotice::down_is_due && notice_ != LinkNotice::up_is_due) return;
  notice_ = notice_ == LinkNotice::down_is_due ? LinkNotice::down : LinkNotice::none;
  link_changed_ = true;
}

auto NetworkDevice::activate(std::uint64_t features) -> std::expected<void, Broken> {
  taken_ = features;
  const auto offloads = features & backend_.features() & (kGuestOffloads | kHostOffloads);
  if (auto set = backend_.set_features(with_requirements(offloads)); !set) {
    return std::unexpected{Broken{set.error().message()}};
  }
  if (offloads_ && !set_offloads(*offloads_)) {
    return std::unexpected{Broken{"its backend cannot continue with the offloads of the driver"}};
  }
  if (vhost_ == nullptr) return {};
  if (auto set = vhost_->set_features(features); !set) return std::unexpected{Broken{set.error().message()}};
  return {};
}

void NetworkDevice::stop() noexcept {
  if (vhost_ != nullptr) vhost_->stop();
  interest_ = 0;
}

void NetworkDevice::reset() noexcept {
  stop();
  mac_ = settings_.mac;
  taken_ = 0;
  notice_ = LinkNotice::none;
  asks_for_announcement_ = false;
  unannounced_.reset();
  offloads_.reset();
  frame_size_ = 0;
  send_waits_ = false;
  lacks_buffers_ = false;
}

void NetworkDevice::notify(unsigned queue) noexcept {
  if (vhost_ != nullptr && queue < interrupts_.size()) vhost_->kick(queue);
}

void NetworkDevice::set_interrupt(unsigned queue, int event) noexcept {
  if (queue < interrupts_.size()) interrupts_[queue] = event;
}

auto NetworkDevice::service(Queues queues) -> std::expected<Serviced, Broken> {
  has_more_ = false;
  budget_ = kBudget;
  announce();
  give_notice();
  if (queues[kControl] && has(net::feature::kCtrlVq)) {
    if (auto done = control(*queues[kControl]); !done) return broken(kControl, done.error());
  }
  if (vhost_ != nullptr) return serve_by_vhost(queues);
  if (queues[kTransmit]) {
    if (auto done = transmit(*queues[kTransmit]); !done) return broken(kTransmit, done.error());
  }
  budget_ = kBudget;
  if (queues[kReceive]) {
    if (auto done = receive(*queues[kReceive]); !done) return broken(kReceive, done.error());
  }
  update_interest(queues[kReceive].has_value());
  // After the link goes down, pending frames to send can be dropped.
  const bool has_more = has_more_ || link_changed_;
  return Serviced{.has_more = has_more, .config_changed = std::exchange(link_changed_, false)};
}

auto NetworkDevice::serve_by_vhost(Queues queues) -> std::expected<Serviced, Broken> {
  Serviced serviced{.has_more = has_more_, .config_changed = std::exchange(link_changed_, false)};
  for (unsigned queue = 0; queue < interrupts_.size(); ++queue) {
    if (!queues[queue]) continue;
    if (vhost_->take_fault(queue)) return broken(queue, {"has a chain that vhost cannot serve"});
    auto done = vhost_->set_interrupt(queue, interrupts_[queue]);
    if (done) done = vhost_->start(queue, *queues[queue]);
    if (!done) return std::unexpected{Broken{std::move(done.error().text)}};
    if (vhost_->take_used(queue)) serviced.used_queues |= 1U << queue;
  }
  return serviced;
}

void NetworkDevice::spend(const Chain& chain, std::uint64_t bytes) noexcept {
  budget_ -= static_cast<int>(chain.buffers.size() + std::min(bytes, std::uint64_t{net::kMaxFrame}) / kUnit);
}

void NetworkDevice::update_interest(bool has_receive_queue) {
  std::uint32_t events = 0;
  if (is_link_up_ && has_receive_queue && !lacks_buffers_) events |= EPOLLIN;
  if (is_link_up_ && (send_waits_ || backend_.has_pending())) events |= EPOLLOUT;
  interest_ = events;
}

void NetworkDevice::close(const net::Closed& closed) {
  if (!is_link_up_) return;
  is_link_up_ = false;
  link_changed_ = true;
  warn_(fmt::format("the guest's network is down: {}", closed.reason));
}

// Moves frames from the backend to the driver. One frame that has been read waits here for buffers; others wait in the
// backend.
auto NetworkDevice::receive(Queue& queue) -> std::expected<void, QueueFault> {
  while (is_link_up_ && has_budget()) {
    queue.disable_notifications();
    const auto available = queue.available();
    if (!available) return std::unexpected{available.error()};
    lacks_buffers_ = *available == 0;
    if (!lacks_buffers_) {
      if (!has_frame()) return {};
      const auto delivered = deliver(queue);
      if (!delivered) return std::unexpected{delivered.error()};
      lacks_buffers_ = *delivered == Delivery::waits;
    }
    if (lacks_buffers_ && !queue.enable_notifications(*available)) return {};
  }
  has_more_ |= is_link_up_;
  return {};
}

// Reads a frame if there is none.
auto NetworkDevice::has_frame() -> bool {
  if (frame_size_ != 0) return true;
  const auto received = backend_.receive(frame_);
  if (received) {
    frame_size_ = *received;
    address_frame();
  } else {
    close(received.error());
  }
  return frame_size_ != 0;
}

// passt addresses frames to 00:00:00:00:00:00 until it has received one from the guest.
void NetworkDevice::address_frame() {
  if (frame_size_ < net::kHeaderSize + mac_.size()) return;
  const auto destination = std::span{frame_}.subspan(net::kHeaderSize, mac_.size());
  const bool is_unknown = std::ranges::all_of(destination, [](std::byte byte) { return byte == std::byte{0}; });
  if (is_unknown) std::ranges::copy(std::as_bytes(std::span{mac_}), destination.begin());
}

// Copies the frame to as many chains as needed, if the driver merges buffers, or to one. Drops a frame that cannot fit.
auto NetworkDevice::deliver(Queue& queue) -> std::expected<Delivery, QueueFault> {
  const std::size_t limit = has(net::feature::kMrgRxbuf) ? queue.size() : 1;
  std::uint64_t room = 0;
  std::size_t count = 0;
  while (room < frame_size_ && count < limit) {
    if (chains_.size() == count) chains_.emplace_back();
    const auto popped = queue.pop(chains_[count]);
    if (!popped) return std::unexpected{popped.error()};
    if (!*popped) break;
    spend(chains_[count], 0);
    if (chains_[count].readable_count != 0)
      return std::unexpected{QueueFault{"has a buffer to read for what is received"}};
    room += chains_[count++].writable_size;
  }
  if (room < frame_size_) {
    queue.undo_pop(static_cast<std::uint16_t>(count));
    if (count < limit) return Delivery::waits;
    frame_size_ = 0;
    return Delivery::done;
  }
  copy_out(count);
  budget_ -= static_cast<int>(frame_size_ / kUnit);
  for (std::size_t i = 0; i < count; ++i) {
    const auto written = std::min<std::uint64_t>(frame_size_, chains_[i].writable_size);
    queue.push(chains_[i].head, static_cast<std::uint32_t>(written));
    frame_size_ -= written;
  }
  return Delivery::done;
}

void NetworkDevice::copy_out(std::size_t chain_count) {
  entry::write<std::uint16_t, Endian::little>(frame_, net::kBufferCountOffset, static_cast<std::uint16_t>(chain_count));
  auto left = std::span<const std::byte>{frame_}.first(frame_size_);
  for (std::size_t i = 0; i < chain_count; ++i) {
    for (const auto& piece : chains_[i].writable()) {
      const auto part = std::min(piece.iov_len, left.size());
      std::memcpy(piece.iov_base, left.data(), part);
      left = left.subspan(part);
    }
  }
}

// Moves frames from the driver to the backend.
auto NetworkDevice::transmit(Queue& queue) -> std::expected<void, QueueFault> {
  send_waits_ = false;
  if (is_link_up_ && backend_.has_pending()) {
    if (auto flushed = backend_.flush(); !flushed) close(flushed.error());
  }
  queue.disable_notifications();
  while (has_budget()) {
    const auto popped = queue.pop(chain_);
    if (!popped) return std::unexpected{popped.error()};
    if (!*popped) {
      if (!queue.enable_notifications()) return {};
      queue.disable_notifications();
      continue;
    }
    spend(chain_, chain_.readable_size);
    if (!send(chain_)) {
      queue.undo_pop(1);
      send_waits_ = true;
      return {};
    }
    queue.push(chain_.head, 0);
  }
  has_more_ = true;
  return {};
}

// Returns false if the backend cannot accept the frame now.
auto NetworkDevice::send(const Chain& chain) -> bool {
  if (!is_link_up_ || !net::is_sendable(chain.readable_size)) return true;
  const auto sent = backend_.send(chain.readable());
  if (sent) return *sent;
  close(sent.error());
  return true;
}

// virtio 1.2, 5.1.6.5: a class, a command, and its data. The device replies with one byte.
auto NetworkDevice::control(Queue& queue) -> std::expected<void, QueueFault> {
  while (has_budget()) {
    const auto popped = queue.pop(chain_);
    if (!popped) return std::unexpected{popped.error()};
    if (!*popped) {
      if (!queue.enable_notifications()) return {};
      continue;
    }
    spend(chain_, 0);
    std::array<std::byte, kMaxCommand> command;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by gather()
    const auto size = gather(chain_.readable(), command);
    const auto answer = obey(std::span{command}.first(size)) ? kOk : kError;
    const auto room = chain_.writable();
    if (!room.empty()) std::memcpy(room.front().iov_base, &answer, sizeof answer);
    queue.push(chain_.head, room.empty() ? 0 : sizeof answer);
  }
  has_more_ = true;
  return {};
}

// Frames are not filtered by address or VLAN, because a backend passes on only frames for the guest. So the commands
// that set filters do nothing.
auto NetworkDevice::obey(std::span<const std::byte> command) -> bool {
  if (command.size() < kCommandHeader) return false;
  const auto kind = std::to_integer<unsigned>(command[0]);
  const auto number = std::to_integer<unsigned>(command[1]);
  const auto rest = command.subspan(kCommandHeader);
  switch (kind) {
    case kReceiveClass: return number <= kLastReceiveCommand && rest.size() == 1;
    case kVlanClass: return number <= kLastVlanCommand && rest.size() == sizeof(std::uint16_t);
    case kMacClass:
      if (number == kMacTableSet) return true;
      if (number != kMacAddressSet || rest.size() != mac_.size()) return false;
      std::memcpy(mac_.data(), rest.data(), mac_.size());
      return true;
    case kAnnounceClass:
      if (number != kAnnounceAck || !rest.empty()) return false;
      asks_for_announcement_ = false;
      return true;
    case kOffloadsClass:
      if (number != kOffloadsSet || rest.size() != sizeof(std::uint64_t)) return false;
      return select_offloads(entry::read<std::uint64_t, Endian::little>(rest, 0));
    default: return false;
  }
}

auto NetworkDevice::select_offloads(std::uint64_t wanted) -> bool {
  if (!set_offloads(wanted)) return false;
  offloads_ = wanted;
  return true;
}

auto NetworkDevice::set_offloads(std::uint64_t wanted) -> bool {
  const auto possible = taken_ & backend_.features() & kGuestOffloads;
  if (!has(net::feature::kCtrlGuestOffloads) || (wanted & ~possible) != 0) return false;
  const auto others = taken_ & backend_.features() & kHostOffloads;
  return backend_.set_features(with_requirements(wanted | others)).has_value();
}

}  // namespace hermitage::vmm::virtio
