#include "hermitage/vmm/kvm/x86_64/cpuid.hpp"

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace hermitage::vmm::kvm {
namespace {

// Leaves and bits: AMD64 Architecture Programmer's Manual, volume 3, appendix E; Intel SDM 2, CPUID.
constexpr std::uint32_t kFeatures = 0x1;
constexpr std::uint32_t kPerformanceMonitoring = 0xa;
constexpr std::uint32_t kTopology = 0xb;
constexpr std::uint32_t kTopology2 = 0x1f;
constexpr std::uint32_t kBrandFirst = 0x8000'0002;
constexpr std::uint32_t kBrandLast = 0x8000'0004;
constexpr std::uint32_t kAmdTopology = 0x8000'001e;

constexpr std::uint32_t kEcxHypervisor = std::uint32_t{1} << 31;
constexpr std::uint32_t kEcxDeadlineTimer = 1 << 24;
constexpr std::uint32_t kEdxModelRegisters = 1 << 5;

constexpr std::size_t kBrandPart = 16;  // bytes in each of three leaves
constexpr std::string_view kBrand = "Hermitage - unikernel hypervisor";
static_assert(kBrand.size() < 3 * kBrandPart);

void set_brand(kvm_cpuid_entry2& entry) {
  std::array<char, 3 * kBrandPart> brand{};
  std::memcpy(brand.data(), kBrand.data(), kBrand.size());
  const char* const part = brand.data() + (entry.function - kBrandFirst) * kBrandPart;
  std::memcpy(&entry.eax, part, 4);
  std::memcpy(&entry.ebx, part + 4, 4);
  std::memcpy(&entry.ecx, part + 8, 4);
  std::memcpy(&entry.edx, part + 12, 4);
}

void set_features(kvm_cpuid_entry2& entry, unsigned number) {
  entry.ecx |= kEcxHypervisor | kEcxDeadlineTimer;
  entry.edx |= kEdxModelRegisters;
  entry.ebx = (entry.ebx & 0x00ff'ffff) | (number & 0xff) << 24;  // the initial APIC ID
}

}  // namespace

void adapt_cpuid(std::span<kvm_cpuid_entry2> entries, unsigned number) noexcept {
  for (auto& entry : entries) {
    if (entry.function == kFeatures) set_features(entry, number);
    if (entry.function == kPerformanceMonitoring) entry.eax = 0;
    if (entry.function == kTopology || entry.function == kTopology2) entry.edx = number;
    if (entry.function == kAmdTopology) entry.eax = number;
    if (entry.function >= kBrandFirst && entry.function <= kBrandLast) set_brand(entry);
  }
}

}  // namespace hermitage::vmm::kvm
