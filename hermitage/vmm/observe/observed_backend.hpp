// Records the frames of a network card in a timeline.
#pragma once

#include <memory>
#include <vector>

#include "hermitage/vmm/net/backend.hpp"
#include "hermitage/vmm/observe/timeline.hpp"

namespace hermitage::vmm::observe {

// A backend that wraps another one. Each frame that is sent or received is a span with its size.
class ObservedBackend final : public net::Backend {
 public:
  // `track` must exist as long as this object.
  ObservedBackend(std::unique_ptr<net::Backend> inner, TimelineTrack& track) noexcept
      : inner_{std::move(inner)}, track_{track} {}

  [[nodiscard]] auto descriptor() const noexcept -> int override { return inner_->descriptor(); }
  [[nodiscard]] auto descriptors() const -> std::vector<int> override { return inner_->descriptors(); }
  [[nodiscard]] auto tap() const noexcept -> int override { return inner_->tap(); }
  [[nodiscard]] auto features() const noexcept -> std::uint64_t override { return inner_->features(); }
  [[nodiscard]] auto set_features(std::uint64_t taken) -> Result<void> override { return inner_->set_features(taken); }
  [[nodiscard]] auto receive(std::span<std::byte> buffer) -> std::expected<std::size_t, net::Closed> override;
  [[nodiscard]] auto send(std::span<const iovec> frame) -> std::expected<bool, net::Closed> override;
  [[nodiscard]] auto has_pending() const noexcept -> bool override { return inner_->has_pending(); }
  [[nodiscard]] auto flush() -> std::expected<void, net::Closed> override { return inner_->flush(); }

 private:
  void record(const char* name, Timeline::Clock::time_point begin, std::size_t size);

  std::unique_ptr<net::Backend> inner_;
  TimelineTrack& track_;
};

}  // namespace hermitage::vmm::observe
