// The constants and structures of virtio's network device, 1.2, 5.1. Linux's header for them is none for C++: it names
// a member `class`.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hermitage::vmm::net {

// 5.1.3: features, by the number of their bit.
enum Feature : unsigned {
  kCsum = 0,       // the device finishes checksums
  kGuestCsum = 1,  // the driver does
  kCtrlGuestOffloads = 2,
  kMtu = 3,
  kMac = 5,
  kGuestTso4 = 7,  // the driver takes segments longer than the MTU, for TCP over IPv4
  kGuestTso6 = 8,
  kGuestEcn = 9,
  kGuestUfo = 10,
  kHostTso4 = 11,  // the device does
  kHostTso6 = 12,
  kHostEcn = 13,
  kHostUfo = 14,
  kMrgRxbuf = 15,  // a frame may take several buffers of the driver
  kStatus = 16,
  kCtrlVq = 17,
  kCtrlRx = 18,
  kCtrlVlan = 19,
  kCtrlRxExtra = 20,
  kCtrlMacAddr = 23,
};

[[nodiscard]] constexpr auto has(std::uint64_t features, unsigned bit) noexcept -> bool {
  return (features >> bit & 1) != 0;
}
template <class... Bits>
[[nodiscard]] constexpr auto mask_of(Bits... bits) noexcept -> std::uint64_t {
  return ((std::uint64_t{1} << static_cast<unsigned>(bits)) | ...);
}

// 5.1.6: before each frame.
struct Header {
  std::uint8_t flags;
  std::uint8_t gso_type;
  std::uint16_t header_length;
  std::uint16_t gso_size;
  std::uint16_t checksum_start;
  std::uint16_t checksum_offset;
  std::uint16_t buffer_count;
};
static_assert(sizeof(Header) == 12);

}  // namespace hermitage::vmm::net
