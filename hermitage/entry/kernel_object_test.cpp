#include "hermitage/entry/kernel_object.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "testing/elf_writer.hpp"
#include "testing/kernels.hpp"

namespace hermitage::entry {
namespace {

using testing::minimal_kernel;

TEST(KernelObject, AnswersForARelocatableKernel) {
  for (const auto& target : testing::kTargets) {
    const auto description = minimal_kernel(target.arch, target.endian, true);
    const auto bytes = write(description);
    const auto kernel = KernelObject::parse(bytes);
    ASSERT_TRUE(kernel) << kernel.error().message().view();
    EXPECT_EQ(kernel->arch(), target.arch);
    EXPECT_EQ(kernel->endian(), target.endian);
    EXPECT_TRUE(kernel->is_relocatable());
    EXPECT_FALSE(kernel->start_addr());
    EXPECT_EQ(kernel->hermit_version(), (HermitVersion{0, 11, 0}));
    EXPECT_EQ(kernel->entry_version(), 4);
    EXPECT_EQ(kernel->uhyve_interface_version(), UhyveInterfaceVersion{2});
    EXPECT_TRUE(kernel->has_uhyve_interface_note());
    EXPECT_EQ(kernel->entry_point({0x40000}).value, description.entry_point + 0x40000);
    const auto tls = kernel->tls_info({0x40000});
    ASSERT_TRUE(tls);
    EXPECT_EQ(tls->start.value, description.tls->vaddr + 0x40000);
    EXPECT_EQ(tls->filesz, description.tls->filesz);
    EXPECT_EQ(tls->memsz, description.tls->memsz);
    EXPECT_EQ(tls->align, description.tls->align);
  }
}

TEST(KernelObject, AnswersForAFixedKernel) {
  const auto description = minimal_kernel(Arch::aarch64, Endian::big, false);
  const auto bytes = write(description);
  const auto kernel = KernelObject::parse(bytes);
  ASSERT_TRUE(kernel) << kernel.error().message().view();
  EXPECT_FALSE(kernel->is_relocatable());
  EXPECT_EQ(kernel->start_addr(), GuestAddress{description.base});
  EXPECT_EQ(kernel->mem_size(),
            description.segments.back().vaddr + description.segments.back().memory_size() - description.base);
  // For any start address.
  EXPECT_EQ(kernel->entry_point({0x1234}).value, description.entry_point);
  EXPECT_EQ(kernel->tls_info({0x1234})->start.value, description.tls->vaddr);
}

TEST(KernelObject, AKernelWithoutNotesOfChoiceSpeaksInterfaceOne) {
  auto description = minimal_kernel(Arch::x86_64, Endian::little, true);
  description.notes = {testing::hermit_note()};
  description.tls.reset();
  const auto bytes = write(description);
  const auto kernel = KernelObject::parse(bytes);
  ASSERT_TRUE(kernel);
  EXPECT_FALSE(kernel->hermit_version());
  EXPECT_FALSE(kernel->has_uhyve_interface_note());
  EXPECT_EQ(kernel->uhyve_interface_version(), UhyveInterfaceVersion{1});
  EXPECT_FALSE(kernel->tls_info({0}));
}

TEST(KernelObject, TakesBytesOfAnyAlignment) {
  const auto bytes = write(minimal_kernel(Arch::x86_64, Endian::little, true));
  std::vector<std::byte> shifted(bytes.size() + 8);
  for (std::size_t shift = 1; shift < 8; ++shift) {
    std::copy(bytes.begin(), bytes.end(), shifted.begin() + static_cast<std::ptrdiff_t>(shift));
    const auto kernel = KernelObject::parse(std::span{shifted}.subspan(shift, bytes.size()));
    ASSERT_TRUE(kernel);
    std::vector<std::byte> memory(kernel->mem_size() + 1);
    EXPECT_TRUE(kernel->load(std::span{memory}.subspan(1), {0x40000}));
  }
}

TEST(KernelObject, FailsWithTheFirstErrorOfEachWrongSample) {
  for (const auto& sample : testing::sample_kernels()) {
    const auto kernel = KernelObject::parse(sample.bytes);
    if (sample.loadable) {
      EXPECT_TRUE(kernel) << sample.name;
      continue;
    }
    if (kernel) {
      // A relocation is malformed: parsing does not check single relocations, but relocating does.
      std::vector<std::byte> memory(kernel->mem_size());
      const auto loaded = kernel->load(memory, kernel->start_addr().value_or(GuestAddress{0x40000}));
      ASSERT_FALSE(loaded) << sample.name;
      EXPECT_EQ(loaded.error().code, sample.error) << sample.name;
    } else {
      EXPECT_EQ(kernel.error().code, sample.error) << sample.name;
    }
  }
}

TEST(KernelObject, IsAViewThatIsCheapToCopy) {
  static_assert(std::is_trivially_copyable_v<KernelObject>);
  static_assert(sizeof(KernelObject) <= 512);
}

}  // namespace
}  // namespace hermitage::entry
