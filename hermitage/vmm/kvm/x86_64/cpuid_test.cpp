#include "hermitage/vmm/kvm/x86_64/cpuid.hpp"

#include <array>
#include <cstring>
#include <string>

#include <gtest/gtest.h>

namespace hermitage::vmm::kvm {
namespace {

auto leaf(std::uint32_t function, std::uint32_t index = 0) -> kvm_cpuid_entry2 {
  kvm_cpuid_entry2 entry{};
  entry.function = function;
  entry.index = index;
  entry.eax = entry.ebx = entry.ecx = entry.edx = 0x1111'1111;
  return entry;
}

TEST(Cpuid, SaysThatThereIsAHypervisor) {
  std::array entries{leaf(1)};
  adapt_cpuid(entries, 5);
  EXPECT_EQ(entries[0].eax, 0x1111'1111U) << "the CPU's model stays";
  EXPECT_EQ(entries[0].ebx, 0x0511'1111U) << "the initial APIC ID";
  EXPECT_EQ(entries[0].ecx, 0x1111'1111U | 1U << 31 | 1U << 24) << "hypervisor, TSC deadline timer";
  EXPECT_EQ(entries[0].edx, 0x1111'1111U | 1U << 5) << "model specific registers";
}

TEST(Cpuid, HasNoPerformanceMonitoring) {
  std::array entries{leaf(0xa)};
  adapt_cpuid(entries, 0);
  EXPECT_EQ(entries[0].eax, 0U);
}

TEST(Cpuid, NumbersProcessorsBeyond255) {
  std::array entries{leaf(1), leaf(0xb, 0), leaf(0xb, 1), leaf(0x1f), leaf(0x8000'001e)};
  adapt_cpuid(entries, 0x123);
  EXPECT_EQ(entries[0].ebx >> 24, 0x23U) << "as much as has room there";
  EXPECT_EQ(entries[1].edx, 0x123U);
  EXPECT_EQ(entries[2].edx, 0x123U);
  EXPECT_EQ(entries[3].edx, 0x123U);
  EXPECT_EQ(entries[4].eax, 0x123U);
}

TEST(Cpuid, HasABrand) {
  std::array entries{leaf(0x8000'0002), leaf(0x8000'0003), leaf(0x8000'0004)};
  adapt_cpuid(entries, 0);
  std::string brand;
  for (const auto& entry : entries) {
    for (const auto part : {entry.eax, entry.ebx, entry.ecx, entry.edx}) {
      std::array<char, 4> characters{};
      std::memcpy(characters.data(), &part, characters.size());
      brand.append(characters.data(), characters.size());
    }
  }
  EXPECT_EQ(std::string(brand.c_str()), "Hermitage - unikernel hypervisor");
  EXPECT_EQ(brand.size(), 48U);
}

TEST(Cpuid, LeavesTheRestAlone) {
  std::array entries{leaf(0), leaf(7), leaf(0x4000'0000), leaf(0x8000'0001), leaf(0x8000'0005)};
  adapt_cpuid(entries, 7);
  for (const auto& entry : entries) {
    for (const auto value : {entry.eax, entry.ebx, entry.ecx, entry.edx}) EXPECT_EQ(value, 0x1111'1111U);
  }
  adapt_cpuid({}, 0);
}

}  // namespace
}  // namespace hermitage::vmm::kvm
