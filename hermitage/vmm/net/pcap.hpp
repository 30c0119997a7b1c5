// Records frames in a file, for Wireshark and tcpdump.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/net/wrapped_backend.hpp"

namespace hermitage::vmm::net {

// A backend that wraps another one. The file is a classic pcap file: nanoseconds, Ethernet frames, in the byte order of
// this machine. Each frame is written with one call of writev(2) when it is received or sent. If that fails, the
// network continues without the file. A pipe must have a reader; frames for which it has no room are left out.
class Pcap final : public WrappedBackend {
 public:
  // Creates or empties the file. If writing fails later, `warn` receives one line in the thread that calls receive() or
  // send(). `warn` can be empty. Fails with host_failed.
  [[nodiscard]] static auto create(const std::string& path, std::unique_ptr<Backend> inner,
                                   std::function<void(const std::string&)> warn) -> Result<std::unique_ptr<Pcap>>;

  [[nodiscard]] auto descriptors() const -> std::vector<int> override;
  // None: vhost-net would move the frames past this object.
  [[nodiscard]] auto tap() const noexcept -> int override { return -1; }
  [[nodiscard]] auto receive(std::span<std::byte> buffer) -> std::expected<std::size_t, Closed> override;
  // Sends the frame, and writes it to the file. If the guest changes the frame between the two, the file contains the
  // old or the new bytes.
  [[nodiscard]] auto send(std::span<const iovec> frame) -> std::expected<bool, Closed> override;

 private:
  Pcap(Descriptor file, std::string path, std::unique_ptr<Backend> inner, std::function<void(const std::string&)> warn)
      : WrappedBackend{std::move(inner)}, file_{std::move(file)}, path_{std::move(path)}, warn_{std::move(warn)} {}

  void record(std::span<const iovec> frame);
  void note_missing_frame();
  void give_up(const char* reason);

  Descriptor file_;
  bool is_recording_ = true;  // until writing fails
  bool misses_frames_ = false;
  std::string path_;
  std::function<void(const std::string&)> warn_;
};

}  // namespace hermitage::vmm::net
