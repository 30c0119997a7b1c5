#include "hermitage/vmm/net/pcap.hpp"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <span>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "hermitage/vmm/net/frame.hpp"

namespace hermitage::vmm::net {
namespace {

// See draft-ietf-opsawg-pcap.
struct FileHeader {
  std::uint32_t magic = 0xa1b23c4d;  // nanoseconds
  std::uint16_t major = 2;
  std::uint16_t minor = 4;
  std::uint32_t reserved1 = 0;
  std::uint32_t reserved2 = 0;
  std::uint32_t most = kMaxFrame - kHeaderSize;  // bytes of a frame
  std::uint32_t link_type = 1;                   // LINKTYPE_ETHERNET
};
static_assert(sizeof(FileHeader) == 24);

struct RecordHeader {
  std::uint32_t seconds;
  std::uint32_t nanoseconds;
  std::uint32_t size_here;
  std::uint32_t size;
};
static_assert(sizeof(RecordHeader) == 16);

auto header_for(std::size_t size) -> RecordHeader {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return {.seconds = static_cast<std::uint32_t>(now.tv_sec),
          .nanoseconds = static_cast<std::uint32_t>(now.tv_nsec),
          .size_here = static_cast<std::uint32_t>(size),
          .size = static_cast<std::uint32_t>(size)};
}

}  // namespace

auto Pcap::create(const std::string& path, std::unique_ptr<Backend> inner, std::function<void(const std::string&)> warn)
    -> Result<std::unique_ptr<Pcap>> {
  // Only this user can read what the guest sends.
  Descriptor file{::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
  if (!file.is_open()) return system_failure(path, errno);
  const FileHeader header;
  const auto written = ::write(file.get(), &header, sizeof header);
  if (written < 0) return system_failure(fmt::format("write to {}", path), errno);
  if (written != sizeof header) return fail(ErrorCode::host_failed, fmt::format("write to {}: it is full", path));
  // A pipe without a reader must not hold up the network.
  if (::fcntl(file.get(), F_SETFL, O_NONBLOCK) != 0) return system_failure(fmt::format("fcntl of {}", path), errno);
  return std::unique_ptr<Pcap>{new Pcap{std::move(file), path, std::move(inner), std::move(warn)}};
}

auto Pcap::descriptors() const -> std::vector<int> {
  auto result = inner().descriptors();
  result.push_back(file_.get());
  return result;
}

auto Pcap::receive(std::span<std::byte> buffer) -> std::expected<std::size_t, Closed> {
  auto size = inner().receive(buffer);
  if (size && *size > 0) {
    const iovec frame{.iov_base = buffer.data(), .iov_len = *size};
    record({&frame, 1});
  }
  return size;
}

auto Pcap::send(std::span<const iovec> frame) -> std::expected<bool, Closed> {
  auto sent = inner().send(frame);
  if (sent && *sent && is_sendable(size_of(frame))) record(frame);
  return sent;
}

void Pcap::record(std::span<const iovec> frame) {
  if (!is_recording_) return;
  if (frame.size() > kMaxPieces) {
    std::ignore = send_whole(frame, [this](const iovec& whole) -> std::expected<bool, Closed> {
      record({&whole, 1});
      return true;
    });
    return;
  }
  const auto size = size_of(frame) - kHeaderSize;
  auto header = header_for(size);
  std::array<iovec, kMaxPieces + 1> pieces{{{.iov_base = &header, .iov_len = sizeof header}}};
  std::size_t count = 1;
  visit_pieces(frame, kHeaderSize, [&](std::span<std::byte> bytes) {
    pieces[count++] = {.iov_base = bytes.data(), .iov_len = bytes.size()};
  });
  const auto written = ::writev(file_.get(), pieces.data(), static_cast<int>(count));
  if (written < 0 && errno == EAGAIN) return note_missing_frame();
  if (written < 0) return give_up(std::strerror(errno));
  if (static_cast<std::size_t>(written) != sizeof header + size) give_up("there is no more room");
}

void Pcap::note_missing_frame() {
  if (std::exchange(misses_frames_, true) || !warn_) return;
  warn_(fmt::format("write to {}: its reader is too slow; some frames are missing", path_));
}

void Pcap::give_up(const char* reason) {
  is_recording_ = false;
  if (warn_) warn_(fmt::format("write to {}: {}; frames from here on are not written", path_, reason));
}

}  // namespace hermitage::vmm::net
