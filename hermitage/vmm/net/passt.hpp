// passt as a backend: a process that makes the guest's connections, without privileges. See passt(1).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

#include "hermitage/base/network.hpp"
#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/net/backend.hpp"
#include "hermitage/vmm/net/socket.hpp"

namespace hermitage::vmm::net {

struct PasstOptions {
  std::vector<base::PortForward> forwards;
  std::uint16_t mtu = 1500;       // told to the guest by DHCP and NDP; at least 1280
  std::string program = "passt";  // a path, or a name to search in PATH
};

// The process ends when its socket is closed: when this object is destroyed, or this process ends in any way. The
// destructor waits for it, at most kPatience.
class Passt final : public Backend {
 public:
  static constexpr std::chrono::milliseconds kPatience{500};

  // Checks whether the ports of the host are free, and creates the process, which waits for begin() before it becomes
  // passt. Fails with configuration if passt does not support the options, and with host_failed if a port is in use or
  // passt is not installed.
  [[nodiscard]] static auto start(const PasstOptions& options) -> Result<std::unique_ptr<Passt>>;
  ~Passt() override;

  // passt starts, and then uses the ports. It needs 15 ms of CPU time until it responds, which would delay what happens
  // on this host at the same time: the set-up of a virtual machine by some milliseconds. Frames that are sent before it
  // responds are queued.
  void begin() noexcept override;
  // After begin(): waits at most `limit` until passt uses its ports and accepts frames. Fails with host_failed if it
  // has ended, or is not ready in time. This call is optional: without it, receive() reports the failure. Do not call
  // it after the sandbox starts, because it makes system calls beyond those of a backend.
  [[nodiscard]] auto wait_until_ready(std::chrono::milliseconds limit) -> Result<void>;
  [[nodiscard]] auto process() const noexcept -> pid_t { return process_; }

  [[nodiscard]] auto descriptor() const noexcept -> int override { return socket_->descriptor(); }
  [[nodiscard]] auto descriptors() const -> std::vector<int> override {
    return {descriptor(), errors_.get(), begin_.get()};
  }
  [[nodiscard]] auto features() const noexcept -> std::uint64_t override { return socket_->features(); }
  [[nodiscard]] auto set_features(std::uint64_t taken) -> Result<void> override { return socket_->set_features(taken); }
  [[nodiscard]] auto deadline() const -> std::optional<std::chrono::steady_clock::time_point> override {
    return socket_->deadline();
  }
  [[nodiscard]] auto receive(std::span<std::byte> buffer) -> std::expected<std::size_t, Closed> override;
  [[nodiscard]] auto send(std::span<const iovec> frame) -> std::expected<bool, Closed> override;
  [[nodiscard]] auto has_pending() const noexcept -> bool override { return socket_->has_pending(); }
  [[nodiscard]] auto flush() -> std::expected<void, Closed> override;

 private:
  struct Pipes;
  Passt(Pipes pipes, pid_t process);

  // The last message of passt, in one line, or `otherwise`.
  [[nodiscard]] auto explain(const std::string& otherwise) -> std::string;

  std::unique_ptr<StreamSocket> socket_;
  Descriptor begin_;   // a byte here starts it, the end of the pipe ends it
  Descriptor ready_;   // receives passt's process ID when it is ready
  Descriptor errors_;  // its standard error
  std::string said_;   // what it has written so far
  pid_t process_;
  Descriptor ended_;  // pidfd_open(2)
};

}  // namespace hermitage::vmm::net
