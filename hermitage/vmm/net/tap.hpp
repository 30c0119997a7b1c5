// A tap of the host as a backend. See Linux's networking/tuntap.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/net/backend.hpp"

namespace hermitage::vmm::net {

class Tap final : public Backend {
 public:
  // Attaches to an existing interface with one queue that no other process has open. The interface belongs to this
  // user; with CAP_NET_ADMIN, it can belong to any user. Fails with configuration or host_failed.
  [[nodiscard]] static auto open(const std::string& name) -> Result<std::unique_ptr<Tap>>;
  // Creates an interface that is up and has no address. It is removed with this object. Needs CAP_NET_ADMIN.
  [[nodiscard]] static auto make() -> Result<std::unique_ptr<Tap>>;
  // Uses a descriptor of /dev/net/tun with an interface that has the flags IFF_NO_PI and IFF_VNET_HDR. Makes it
  // non-blocking. Its MTU is unknown.
  [[nodiscard]] static auto adopt(Descriptor descriptor) -> Result<std::unique_ptr<Tap>>;

  [[nodiscard]] auto name() const noexcept HERMITAGE_LIFETIMEBOUND -> const std::string& { return name_; }
  // In bytes, as of the time when the interface was opened; 0: unknown.
  [[nodiscard]] auto mtu() const noexcept -> std::uint16_t { return mtu_; }

  [[nodiscard]] auto descriptor() const noexcept -> int override { return descriptor_.get(); }
  [[nodiscard]] auto tap() const noexcept -> int override { return descriptor_.get(); }
  [[nodiscard]] auto features() const noexcept -> std::uint64_t override { return features_; }
  [[nodiscard]] auto set_features(std::uint64_t taken) -> Result<void> override;
  [[nodiscard]] auto receive(std::span<std::byte> buffer) -> std::expected<std::size_t, Closed> override;
  [[nodiscard]] auto send(std::span<const iovec> frame) -> std::expected<bool, Closed> override;

 private:
  Tap(Descriptor descriptor, std::string name, std::uint16_t mtu) noexcept
      : descriptor_{std::move(descriptor)}, name_{std::move(name)}, mtu_{mtu} {}

  [[nodiscard]] static auto prepare(Descriptor descriptor, std::string name, std::uint16_t mtu)
      -> Result<std::unique_ptr<Tap>>;

  Descriptor descriptor_;
  std::string name_;
  std::uint16_t mtu_;
  std::uint64_t features_ = 0;
};

}  // namespace hermitage::vmm::net
