// The features of virtio's network device: virtio 1.2, 5.1.3. Linux's <linux/virtio_net.h> is not valid C++.
#pragma once

#include <cstdint>

namespace hermitage::vmm::net::feature {

// Features that depend on a backend: completion of checksums, and frames that are longer than the MTU.
inline constexpr std::uint64_t kCsum = 1U << 0U;
inline constexpr std::uint64_t kGuestCsum = 1U << 1U;
inline constexpr std::uint64_t kGuestTso4 = 1U << 7U;
inline constexpr std::uint64_t kGuestTso6 = 1U << 8U;
inline constexpr std::uint64_t kGuestEcn = 1U << 9U;
inline constexpr std::uint64_t kGuestUfo = 1U << 10U;
inline constexpr std::uint64_t kHostTso4 = 1U << 11U;
inline constexpr std::uint64_t kHostTso6 = 1U << 12U;
inline constexpr std::uint64_t kHostEcn = 1U << 13U;
inline constexpr std::uint64_t kHostUfo = 1U << 14U;

// Features of the device.
inline constexpr std::uint64_t kCtrlGuestOffloads = 1U << 2U;
inline constexpr std::uint64_t kMtu = 1U << 3U;
inline constexpr std::uint64_t kMac = 1U << 5U;
inline constexpr std::uint64_t kMrgRxbuf = 1U << 15U;
inline constexpr std::uint64_t kStatus = 1U << 16U;
inline constexpr std::uint64_t kCtrlVq = 1U << 17U;
inline constexpr std::uint64_t kCtrlRx = 1U << 18U;
inline constexpr std::uint64_t kCtrlVlan = 1U << 19U;
inline constexpr std::uint64_t kCtrlRxExtra = 1U << 20U;
inline constexpr std::uint64_t kGuestAnnounce = 1U << 21U;
inline constexpr std::uint64_t kCtrlMacAddr = 1U << 23U;

}  // namespace hermitage::vmm::net::feature
