#include "hermitage/vmm/network_card.hpp"

#include <chrono>
#include <csignal>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "hermitage/vmm/devices/platform.hpp"
#include "hermitage/vmm/vcpu.hpp"

namespace hermitage::vmm {
namespace {

using virtio::PciTransport;

constexpr std::uint16_t kMaxQueueSize = 1024;

auto check(const virtio::NetworkSettings& settings) -> Result<void> {
  const auto size = settings.queue_size;
  const bool is_size = size >= 2 && size <= kMaxQueueSize && (size & (size - 1)) == 0;
  if (!is_size)
    return fail(ErrorCode::configuration, "a queue of the network card has 2 to 1024 entries, a power of 2");
  return {};
}

}  // namespace

auto NetworkCard::make(NetworkOptions options, const GuestMemory& memory, kvm::Vm& vm, GuestAddress bar,
                       Warnings& warnings) -> Result<std::unique_ptr<NetworkCard>> {
  if (auto checked = check(options.card); !checked) return std::unexpected{checked.error()};
  auto events = EventLoop::make();
  if (!events) return std::unexpected{events.error()};
  auto wakeup = Event::make();
  if (!wakeup) return std::unexpected{wakeup.error()};
  constexpr auto kQueues = virtio::NetworkDevice::kQueueCount;
  constexpr auto kMessages = arch::kHasMessages ? PciTransport::vector_count(kQueues) : 0;
  auto interrupts = kvm::DeviceInterrupts::make(vm, arch::kPciInterruptLine, kMessages);
  if (!interrupts) return std::unexpected{interrupts.error()};
  // The initial address of the registers. If a driver moves them, its notifications are exits: see PciTransport.
  for (unsigned queue = 0; queue < kQueues; ++queue) {
    const auto address = bar + PciTransport::kNotifyOffset + queue * PciTransport::kNotifyMultiplier;
    const bool is_vhosts = options.vhost && queue < virtio::VhostNet::kQueueCount;
    const int event = is_vhosts ? options.vhost->kick_event(queue) : wakeup->descriptor();
    if (auto set = vm.signal_writes(address, event); !set) return std::unexpected{set.error()};
  }
  if (options.vhost) {
    if (auto set = options.vhost->set_memory(memory); !set) return std::unexpected{set.error()};
  }
  std::unique_ptr<NetworkCard> card{new NetworkCard{std::move(options), memory, std::move(*interrupts),
                                                    std::move(*events), std::move(*wakeup), bar, warnings}};
  if (auto watched = card->watch_events(); !watched) return std::unexpected{watched.error()};
  return card;
}

NetworkCard::NetworkCard(NetworkOptions options, const GuestMemory& memory,
                         std::unique_ptr<kvm::DeviceInterrupts> interrupts, EventLoop events, Event wakeup,
                         GuestAddress bar, Warnings& warnings)
    : settings_{options.card},
      backend_{std::move(options.backend)},
      vhost_{std::move(options.vhost)},
      interrupts_{std::move(interrupts)},
      events_{std::move(events)},
      wakeup_{std::move(wakeup)},
      device_{*backend_, options.card, [&warnings](const std::string& line) { warnings.add(line); }, vhost_.get()},
      transport_{device_,
                 {.memory = memory,
                  .interrupts = *interrupts_,
                  .wake = [this] { wake(); },
                  .warn = [&warnings](const std::string& line) { warnings.add(line); }},
                 bar.value,
                 arch::kPciInterruptLine} {}

auto NetworkCard::save_state() const -> NetworkState {
  return {.mac = device_.mac(),
          .mtu = settings_.mtu,
          .queue_size = settings_.queue_size,
          .offloads = device_.offloads(),
          .transport = transport_.save()};
}

auto NetworkCard::restore_state(const NetworkState& state) -> Result<void> {
  device_.move(state.offloads, state.mac);
  if (auto restored = transport_.restore(state.transport); !restored) {
    return fail(ErrorCode::configuration,
                fmt::format("the driver of the guest's network card {}", restored.error().what));
  }
  return {};
}

auto NetworkCard::watch_events() -> Result<void> {
  if (vhost_) {
    if (auto watched = vhost_->watch(events_); !watched) return watched;
  }
  auto added = events_.add(wakeup_.descriptor(), EPOLLIN, [this](std::uint32_t) { wakeup_.clear(); });
  if (!added) return added;
  const auto& acknowledgement = interrupts_->acknowledgement();
  return events_.add(acknowledgement.descriptor(), EPOLLIN, [this, &acknowledgement](std::uint32_t) {
    acknowledgement.clear();
    transport_.on_line_acknowledged();
  });
}

void NetworkCard::run(PauseGate& gate, const std::function<bool()>& is_stopping) {
  thread_ = ::gettid();
  backend_->begin();
  gate.enter();
  bool has_more = false;
  while (!is_stopping()) {
    {
      const PauseGate::Wait wait{&gate};
      const auto limit = backend_->deadline().transform(milliseconds_until);
      events_.wait(has_more ? std::optional{std::chrono::milliseconds{0}} : limit);
    }
    has_more = transport_.service();
    watch_backend();
  }
  gate.leave();
  thread_ = 0;
}

// Does not wait for a backend without work. Otherwise, a disconnected peer would be reported repeatedly.
void NetworkCard::watch_backend() {
  const auto interest = device_.interest();
  if (interest == watched_) return;
  const int descriptor = backend_->descriptor();
  if (watched_ != 0 && interest != 0) {
    events_.change(descriptor, interest);
  } else if (watched_ != 0) {
    events_.remove(descriptor);
  } else if (!events_.add(descriptor, interest, [](std::uint32_t) {})) {
    return;  // epoll does not accept it; try again after the next round
  }
  watched_ = interest;
}

void NetworkCard::wake() noexcept {
  wakeup_.signal();
}

void NetworkCard::call_back() noexcept {
  wake();
  if (const auto thread = thread_.load(); thread != 0) ::tgkill(::getpid(), thread, call_back_signal());
}

auto NetworkCard::descriptors() const -> std::vector<int> {
  auto result = backend_->descriptors();
  for (const int descriptor : interrupts_->descriptors()) result.push_back(descriptor);
  result.push_back(events_.descriptor());
  result.push_back(wakeup_.descriptor());
  if (vhost_) {
    for (const int descriptor : vhost_->descriptors()) result.push_back(descriptor);
  }
  return result;
}

}  // namespace hermitage::vmm
