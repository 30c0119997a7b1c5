#include "hermitage/loader/kernel.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "hermitage/loader/machine.hpp"
#include "testing/elf_writer.hpp"
#include "testing/kernels.hpp"

namespace hermitage::loader {
namespace {

using entry::Arch;
using entry::Endian;
using hermitage::testing::minimal_kernel;

constexpr std::uint64_t kStart = 0x100000;
constexpr std::uint64_t kSize = 16 << 20;

// 16 MiB of memory from 1 MiB on, with an image in it.
struct Machine {
  Machine(const std::vector<std::byte>& file, std::uint64_t image_at)
      : memory{bytes, {kStart}}, image{{image_at}, {image_at + file.size()}} {
    EXPECT_TRUE(map.add_ram({{kStart}, {kStart + kSize}}));
    std::ranges::copy(file, bytes.begin() + static_cast<std::ptrdiff_t>(image_at - kStart));
  }

  auto load(std::uint64_t lowest = 0x200000) -> Result<LoadedImage> {
    return load_kernel(memory, map, image, {.bounds = {{lowest}, {kStart + kSize}}, .alignment = 0x200000});
  }

  std::vector<std::byte> bytes = std::vector<std::byte>(kSize, std::byte{0xa5});
  PhysicalMemory memory;
  MemoryMap map;
  GuestRange image;
};

auto kernel(bool is_relocatable, std::uint64_t base = 0) -> std::vector<std::byte> {
  auto description = minimal_kernel(machine::kArch, Endian::little, is_relocatable);
  if (!is_relocatable) {
    const auto moved = base - description.base;
    for (auto& segment : description.segments) segment.vaddr += moved;
    for (auto& symbol : description.symbols) symbol.value += moved;
    if (description.tls) description.tls->vaddr += moved;
    description.entry_point += moved;
    description.base = base;
  }
  return hermitage::testing::write(description);
}

void expect_same(const Machine& machine, const LoadedImage& image, const std::vector<std::byte>& file) {
  const auto object = entry::KernelObject::parse(file);
  ASSERT_TRUE(object);
  std::vector<std::byte> expected(object->mem_size());
  ASSERT_TRUE(object->load(expected, image.kernel.image.start));
  const auto at = machine.bytes.begin() + static_cast<std::ptrdiff_t>(image.kernel.image.start.value - kStart);
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), at));
}

TEST(LoadKernel, ChoosesThePlaceOfARelocatableKernel) {
  const auto file = kernel(true);
  // The image is below, at the place of the kernel, and above.
  for (const auto& [image_at, expected] : std::vector<std::pair<std::uint64_t, std::uint64_t>>{
           {0x180000, 0x200000}, {0x200000, 0x400000}, {0x800123, 0x200000}}) {
    Machine machine{file, image_at};
    const auto image = machine.load();
    ASSERT_TRUE(image) << image.error().c_str();
    EXPECT_EQ(image->kernel.image.start.value, expected);
    EXPECT_FALSE(machine.map.is_free(image->kernel.image));
    expect_same(machine, *image, file);
  }
}

TEST(LoadKernel, PutsAFixedKernelWhereItWantsToBe) {
  const auto file = kernel(false, 0x800000);
  for (const std::uint64_t image_at : {0x200000U, 0x7ff800U, 0x800000U, 0x800800U}) {
    Machine machine{file, image_at};
    const auto image = machine.load();
    ASSERT_TRUE(image) << image.error().c_str();
    EXPECT_EQ(image->kernel.image.start.value, 0x800000U);
    expect_same(machine, *image, file);
  }
}

TEST(LoadKernel, RefusesPlacesThatAreTaken) {
  const auto file = kernel(false, 0x800000);
  Machine machine{file, 0x200000};
  ASSERT_TRUE(machine.map.reserve({{0x800100}, {0x800101}}));
  const auto image = machine.load();
  ASSERT_FALSE(image);
  EXPECT_NE(std::string{image.error().view()}.find("can only be loaded at 0x800000"), std::string::npos);
  Machine below{kernel(false, 0x180000), 0x400000};
  EXPECT_FALSE(below.load());
  Machine above{kernel(false, 0x100800000), 0x400000};
  EXPECT_FALSE(above.load());
}

TEST(LoadKernel, RefusesWhatHasNoRoom) {
  Machine machine{kernel(true), 0x200000};
  ASSERT_TRUE(machine.map.reserve({{0x400000}, {kStart + kSize}}));
  const auto image = machine.load();
  ASSERT_FALSE(image);
  EXPECT_NE(std::string{image.error().view()}.find("out of memory for a kernel"), std::string::npos);
}

TEST(LoadKernel, RefusesWhatSomebodyElseWants) {
  Machine machine{kernel(true), 0x200000};
  const auto image =
      load_kernel(machine.memory, machine.map, machine.image,
                  {.bounds = {{0x200000}, {kStart + kSize}}, .alignment = 4096, .claim = [](GuestRange) noexcept {
                     return false;
                   }});
  EXPECT_FALSE(image);
}

TEST(LoadKernel, RefusesOtherMachines) {
  for (const auto& target : hermitage::testing::kTargets) {
    if (target.arch == machine::kArch) continue;
    Machine machine{hermitage::testing::write(minimal_kernel(target.arch, target.endian, true)), 0x400000};
    const auto image = machine.load();
    ASSERT_FALSE(image);
    EXPECT_NE(std::string{image.error().view()}.find("made for"), std::string::npos);
  }
}

TEST(LoadKernel, RefusesWhatIsNoKernel) {
  for (const auto& sample : hermitage::testing::sample_kernels()) {
    Machine machine{sample.bytes, 0x200000};
    const auto image = machine.load();
    EXPECT_FALSE(!sample.loadable && image) << sample.name;
  }
  Machine machine{kernel(true), 0x200000};
  machine.image = {{kStart + kSize - 1}, {kStart + kSize + 1}};
  EXPECT_FALSE(machine.load());
}

}  // namespace
}  // namespace hermitage::loader
