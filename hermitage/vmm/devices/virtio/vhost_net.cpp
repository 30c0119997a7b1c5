#include "hermitage/vmm/devices/virtio/vhost_net.hpp"

#include "hermitage/vmm/vhost_calls.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

#include "hermitage/vmm/devices/virtio/constants.hpp"
#include "hermitage/vmm/net/features.hpp"

namespace hermitage::vmm::virtio {
namespace {

constexpr const char* kPath = "/dev/vhost-net";

// The features of the driver that vhost must know. vhost has other features for kernels that migrate guests.
constexpr auto kFeatures = std::uint64_t{1} << kVersion1 | std::uint64_t{1} << kIndirectDescriptors |
                           std::uint64_t{1} << kEventIndex | net::feature::kMrgRxbuf;

// vhost_memory, with an array of one element.
struct MemoryTable {
  std::uint32_t count;
  std::uint32_t padding;
  vhost_memory_region region;
};
static_assert(sizeof(MemoryTable) == sizeof(vhost_memory) + sizeof(vhost_memory_region));

auto open_vhost() -> Result<Descriptor> {
  Descriptor vhost{::open(kPath, O_RDWR | O_CLOEXEC)};
  if (vhost.is_open()) return vhost;
  const int error_number = errno;
  const auto* const help = error_number == ENOENT || error_number == ENODEV
                               ? "; load the kernel's module: modprobe vhost_net"
                               : "; vhost=off does without";
  return fail(ErrorCode::host_failed, fmt::format("open of {}: {}{}", kPath, std::strerror(error_number), help));
}

auto address_of(std::span<std::byte> bytes) -> std::uint64_t {
  return reinterpret_cast<std::uintptr_t>(bytes.data());
}

}  // namespace

auto VhostNet::open(int tap) -> Result<std::unique_ptr<VhostNet>> {
  auto opened = open_vhost();
  if (!opened) return std::unexpected{opened.error()};
  std::unique_ptr<VhostNet> vhost{new VhostNet{std::move(*opened), tap}};
  if (auto owned = vhost->call(VHOST_SET_OWNER, nullptr, "VHOST_SET_OWNER"); !owned) {
    return std::unexpected{owned.error()};
  }
  std::uint64_t features = 0;
  if (auto got = vhost->call(VHOST_GET_FEATURES, &features, "VHOST_GET_FEATURES"); !got) {
    return std::unexpected{got.error()};
  }
  if ((features & kFeatures) != kFeatures) {
    return fail(ErrorCode::host_failed,
                fmt::format("{} has the features {:#x}, of {:#x} that are needed", kPath, features, kFeatures));
  }
  for (unsigned queue = 0; queue < kQueueCount; ++queue) {
    if (auto added = vhost->add_queue(); !added) return std::unexpected{added.error()};
  }
  return vhost;
}

auto VhostNet::add_queue() -> Result<void> {
  auto kick = Event::make();
  if (!kick) return std::unexpected{kick.error()};
  auto used = Event::make();
  if (!used) return std::unexpected{used.error()};
  auto fault = Event::make();
  if (!fault) return std::unexpected{fault.error()};
  const auto number = static_cast<unsigned>(queues_.size());
  auto set = set_event(VHOST_SET_VRING_KICK, number, kick->descriptor(), "VHOST_SET_VRING_KICK");
  if (set) set = set_event(VHOST_SET_VRING_CALL, number, used->descriptor(), "VHOST_SET_VRING_CALL");
  if (set) set = set_event(VHOST_SET_VRING_ERR, number, fault->descriptor(), "VHOST_SET_VRING_ERR");
  queues_.push_back({.kick = std::move(*kick), .used = std::move(*used), .fault = std::move(*fault)});
  return set;
}

auto VhostNet::call(unsigned long request, const void* argument, const char* name) const -> Result<void> {
  if (::ioctl(vhost_.get(), request, argument) != 0) return system_failure(fmt::format("{} of {}", name, kPath), errno);
  return {};
}

auto VhostNet::set_event(unsigned long request, unsigned queue, int event, const char* name) const -> Result<void> {
  const vhost_vring_file file{.index = queue, .fd = event};
  return call(request, &file, name);
}

auto VhostNet::set_memory(const GuestMemory& memory) -> Result<void> {
  const MemoryTable table{.count = 1,
                          .padding = 0,
                          .region = {.guest_phys_addr = memory.base().value,
                                     .memory_size = memory.size(),
                                     .userspace_addr = address_of(memory.bytes()),
                                     .flags_padding = 0}};
  return call(VHOST_SET_MEM_TABLE, &table, "VHOST_SET_MEM_TABLE");
}

auto VhostNet::watch(EventLoop& events) -> Result<void> {
  for (auto& queue : queues_) {
    auto added = events.add(queue.used.descriptor(), EPOLLIN, [&queue](std::uint32_t) {
      queue.used.clear();
      queue.has_used = true;
    });
    if (!added) return added;
    added = events.add(queue.fault.descriptor(), EPOLLIN, [&queue](std::uint32_t) {
      queue.fault.clear();
      queue.has_fault = true;
    });
    if (!added) return added;
  }
  return {};
}

auto VhostNet::set_features(std::uint64_t taken) -> Result<void> {
  const auto features = taken & kFeatures;
  return call(VHOST_SET_FEATURES, &features, "VHOST_SET_FEATURES");
}

auto VhostNet::start(unsigned number, const Queue& rings) -> Result<void> {
  auto& queue = queues_[number];
  if (queue.is_started) return {};
  queue.has_used = false;
  queue.has_fault = false;
  const vhost_vring_state size{.index = number, .num = rings.size()};
  if (auto set = call(VHOST_SET_VRING_NUM, &size, "VHOST_SET_VRING_NUM"); !set) return set;
  const vhost_vring_state first{.index = number, .num = rings.taken()};
  if (auto set = call(VHOST_SET_VRING_BASE, &first, "VHOST_SET_VRING_BASE"); !set) return set;
  const vhost_vring_addr addresses{.index = number,
                                   .flags = 0,
                                   .desc_user_addr = address_of(rings.descriptors()),
                                   .used_user_addr = address_of(rings.used_ring()),
                                   .avail_user_addr = address_of(rings.available_ring()),
                                   .log_guest_addr = 0};
  if (auto set = call(VHOST_SET_VRING_ADDR, &addresses, "VHOST_SET_VRING_ADDR"); !set) return set;
  auto started = set_event(VHOST_NET_SET_BACKEND, number, tap_, "VHOST_NET_SET_BACKEND");
  queue.is_started = started.has_value();
  // The driver of a restored guest may have made chains available before.
  if (started) queue.kick.signal();
  return started;
}

void VhostNet::stop() noexcept {
  constexpr int kNoTap = -1;
  for (unsigned number = 0; number < kQueueCount; ++number) {
    if (!std::exchange(queues_[number].is_started, false)) continue;
    const vhost_vring_file file{.index = number, .fd = kNoTap};
    [[maybe_unused]] const int stopped = ::ioctl(vhost_.get(), VHOST_NET_SET_BACKEND, &file);
  }
}

void VhostNet::kick(unsigned queue) noexcept {
  queues_[queue].kick.signal();
}

auto VhostNet::set_interrupt(unsigned number, int event) -> Result<void> {
  auto& queue = queues_[number];
  if (queue.interrupt == event) return {};
  const int target = event == kNoEvent ? queue.used.descriptor() : event;
  auto set = set_event(VHOST_SET_VRING_CALL, number, target, "VHOST_SET_VRING_CALL");
  if (set) queue.interrupt = event;
  return set;
}

auto VhostNet::take_used(unsigned queue) noexcept -> bool {
  return std::exchange(queues_[queue].has_used, false);
}

auto VhostNet::take_fault(unsigned queue) noexcept -> bool {
  return std::exchange(queues_[queue].has_fault, false);
}

auto VhostNet::descriptors() const -> std::vector<int> {
  std::vector<int> result{vhost_.get()};
  for (const auto& queue : queues_) {
    result.insert(result.end(), {queue.kick.descriptor(), queue.used.descriptor(), queue.fault.descriptor()});
  }
  return result;
}

}  // namespace hermitage::vmm::virtio
