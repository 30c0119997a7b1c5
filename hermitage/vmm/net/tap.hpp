// A tap interface of the host's as a network's backend. See Linux's networking/tuntap.
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
  // Attaches to an interface that is there: of one queue, without another process on it, owned by this user, or any
  // with CAP_NET_ADMIN. Fails with configuration or host_failed.
  [[nodiscard]] static auto open(const std::string& name) -> Result<std::unique_ptr<Tap>>;
  // Makes one, which is up, has no address, and goes away with this object. Needs CAP_NET_ADMIN.
  [[nodiscard]] static auto make() -> Result<std::unique_ptr<Tap>>;
  // Takes a descriptor of /dev/net/tun with an interface, which has the flags IFF_NO_PI and IFF_VNET_HDR, and makes it
  // non-blocking. Its MTU is not known.
  [[nodiscard]] static auto adopt(Descriptor descriptor) -> Result<std::unique_ptr<Tap>>;

  [[nodiscard]] auto name() const noexcept -> const std::string& { return name_; }
  // As it was when the interface was opened; 0: not known.
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
