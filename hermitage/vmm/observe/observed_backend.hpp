// Records the frames of a network card in a timeline.
#pragma once

#include <memory>

#include "hermitage/vmm/net/wrapped_backend.hpp"
#include "hermitage/vmm/observe/timeline.hpp"

namespace hermitage::vmm::observe {

// A backend that wraps another one. Each frame that is sent or received is a span with its size.
class ObservedBackend final : public net::WrappedBackend {
 public:
  // `track` must exist as long as this object.
  ObservedBackend(std::unique_ptr<net::Backend> inner, TimelineTrack& track) noexcept
      : WrappedBackend{std::move(inner)}, track_{track} {}

  [[nodiscard]] auto receive(std::span<std::byte> buffer) -> std::expected<std::size_t, net::Closed> override;
  [[nodiscard]] auto send(std::span<const iovec> frame) -> std::expected<bool, net::Closed> override;

 private:
  void record(const char* name, Timeline::Clock::time_point begin, std::size_t size);

  TimelineTrack& track_;
};

}  // namespace hermitage::vmm::observe
