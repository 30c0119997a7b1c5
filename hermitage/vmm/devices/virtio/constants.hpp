// Constants of virtio 1.2 that are common to all devices, where Linux's headers cannot be used in C++.
#pragma once

#include <cstdint>

namespace hermitage::vmm::virtio {

// 2.7.5: flags of a descriptor.
inline constexpr std::uint16_t kDescriptorNext = 1;
inline constexpr std::uint16_t kDescriptorWrite = 2;
inline constexpr std::uint16_t kDescriptorIndirect = 4;
// 2.7.6 and 2.7.8: flags of the rings.
inline constexpr std::uint16_t kAvailableNoInterrupt = 1;
inline constexpr std::uint16_t kUsedNoNotify = 1;

// Chapter 6: features, by bit number.
inline constexpr unsigned kIndirectDescriptors = 28;
inline constexpr unsigned kEventIndex = 29;
inline constexpr unsigned kVersion1 = 32;

// 2.1: the device status.
inline constexpr std::uint8_t kDriverOk = 4;
inline constexpr std::uint8_t kFeaturesOk = 8;
inline constexpr std::uint8_t kNeedsReset = 64;

}  // namespace hermitage::vmm::virtio
