#include "hermitage/vmm/observe/observed_backend.hpp"

#include <fmt/format.h>

namespace hermitage::vmm::observe {
namespace {

// Without the header of virtio.
auto size_of(std::span<const iovec> frame) -> std::size_t {
  std::size_t size = 0;
  for (const auto& piece : frame) size += piece.iov_len;
  return size < net::kHeaderSize ? 0 : size - net::kHeaderSize;
}

}  // namespace

auto ObservedBackend::receive(std::span<std::byte> buffer) -> std::expected<std::size_t, net::Closed> {
  const auto begin = Timeline::Clock::now();
  auto received = inner().receive(buffer);
  if (received && *received > net::kHeaderSize) record("receive frame", begin, *received - net::kHeaderSize);
  return received;
}

auto ObservedBackend::send(std::span<const iovec> frame) -> std::expected<bool, net::Closed> {
  const auto begin = Timeline::Clock::now();
  auto sent = inner().send(frame);
  if (sent && *sent) record("send frame", begin, size_of(frame));
  return sent;
}

void ObservedBackend::record(const char* name, Timeline::Clock::time_point begin, std::size_t size) {
  TimelineEvent event;
  event.begin = begin;
  event.duration = Timeline::Clock::now() - begin;
  event.name = name;
  event.set_detail(fmt::format("{} bytes", size));
  track_.add(event);
}

}  // namespace hermitage::vmm::observe
