// A backend that wraps another one, and passes every call on. A derived class changes some of them.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "hermitage/entry/compiler.hpp"
#include "hermitage/vmm/net/backend.hpp"

namespace hermitage::vmm::net {

class WrappedBackend : public Backend {
 public:
  explicit WrappedBackend(std::unique_ptr<Backend> inner) noexcept : inner_{std::move(inner)} {}

  [[nodiscard]] auto inner() const noexcept HERMITAGE_LIFETIMEBOUND -> Backend& { return *inner_; }

  void begin() noexcept override { inner_->begin(); }
  [[nodiscard]] auto descriptor() const noexcept -> int override { return inner_->descriptor(); }
  [[nodiscard]] auto descriptors() const -> std::vector<int> override { return inner_->descriptors(); }
  [[nodiscard]] auto tap() const noexcept -> int override { return inner_->tap(); }
  [[nodiscard]] auto features() const noexcept -> std::uint64_t override { return inner_->features(); }
  [[nodiscard]] auto set_features(std::uint64_t taken) -> Result<void> override { return inner_->set_features(taken); }
  [[nodiscard]] auto deadline() const -> std::optional<std::chrono::steady_clock::time_point> override {
    return inner_->deadline();
  }
  [[nodiscard]] auto receive(std::span<std::byte> buffer) -> std::expected<std::size_t, Closed> override {
    return inner_->receive(buffer);
  }
  [[nodiscard]] auto send(std::span<const iovec> frame) -> std::expected<bool, Closed> override {
    return inner_->send(frame);
  }
  [[nodiscard]] auto has_pending() const noexcept -> bool override { return inner_->has_pending(); }
  [[nodiscard]] auto flush() -> std::expected<void, Closed> override { return inner_->flush(); }

 private:
  std::unique_ptr<Backend> inner_;
};

}  // namespace hermitage::vmm::net
