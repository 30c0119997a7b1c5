// Records frames in a file, for Wireshark and tcpdump.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/net/backend.hpp"

namespace hermitage::vmm::net {

// A backend that wraps another one. The file is a classic pcap file: nanoseconds, Ethernet frames, in the byte order of
// this machine. Each frame is written with one call of writev(2) when it is received or sent. If that fails, the
// network continues without the file.
class Pcap final : public Backend {
 public:
  // Creates or empties the file. If writing fails later, `warn` receives one line in the thread that calls receive() or
  // send(). `warn` can be empty. Fails with host_failed.
  [[nodiscard]] static auto create(const std::string& path, std::unique_ptr<Backend> inner,
                                   std::function<void(const std::string&)> warn) -> Result<std::unique_ptr<Pcap>>;

  // The wrapped backend.
  [[nodiscard]] auto inner() const noexcept HERMITAGE_LIFETIMEBOUND -> Backend& { return *inner_; }

  void begin() noexcept override { inner_->begin(); }
  [[nodiscard]] auto descriptor() const noexcept -> int override { return inner_->descriptor(); }
  [[nodiscard]] auto descriptors() const -> std::vector<int> override;
  [[nodiscard]] auto features() const noexcept -> std::uint64_t override { return inner_->features(); }
  [[nodiscard]] auto set_features(std::uint64_t taken) -> Result<void> override { return inner_->set_features(taken); }
  [[nodiscard]] auto receive(std::span<std::byte> buffer) -> std::expected<std::size_t, Closed> override;
  // Sends the frame, and writes it to the file. If the guest changes the frame between the two, the file contains the
  // old or the new bytes.
  [[nodiscard]] auto send(std::span<const iovec> frame) -> std::expected<bool, Closed> override;
  [[nodiscard]] auto has_pending() const noexcept -> bool override { return inner_->has_pending(); }
  [[nodiscard]] auto flush() -> std::expected<void, Closed> override { return inner_->flush(); }

 private:
  Pcap(Descriptor file, std::string path, std::unique_ptr<Backend> inner, std::function<void(const std::string&)> warn)
      : file_{std::move(file)}, path_{std::move(path)}, inner_{std::move(inner)}, warn_{std::move(warn)} {}

  void record(std::span<const iovec> frame);
  void give_up(const char* reason);

  Descriptor file_;
  bool is_recording_ = true;  // until writing fails
  std::string path_;
  std::unique_ptr<Backend> inner_;
  std::function<void(const std::string&)> warn_;
};

}  // namespace hermitage::vmm::net
