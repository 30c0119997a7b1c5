// Properties of real Hermit images, with the expected values from the original hermit-entry 0.10.11.
#include <array>
#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "hermitage/entry/kernel_object.hpp"
#include "testing/images.hpp"

namespace hermitage::entry {
namespace {

struct ImageFacts {
  std::string name;
  Arch arch;
  std::optional<HermitVersion> hermit_version;
  std::uint64_t mem_size;
  std::optional<std::uint64_t> start_addr;
  std::uint64_t entry_point;
  std::uint64_t tls_start, tls_filesz, tls_memsz, tls_align;
  std::uint64_t loaded_at;
  std::string sha256;  // of the loaded memory
};

auto facts() -> std::vector<ImageFacts> {
  return {
      {"x86_64-0.6.9-hello_world", Arch::x86_64, std::nullopt, 640512, std::nullopt, 221408, 591608, 32, 129, 8,
       0x40000, "d6d0207b3fb0e904d3d028b55d230b8608463214f65f620a0001ce27ab69a019"},
      {"x86_64-0.6.9-hello_c", Arch::x86_64, std::nullopt, 1340544, 8388608, 8659616, 9216000, 0, 4, 4, 0x800000,
       "f3cae19b0e401f705f3602110633cc02381b382ddb660a054226c24e35001b36"},
      {"x86_64-0.6.9-rusty_demo", Arch::x86_64, std::nullopt, 892184, std::nullopt, 347152, 834848, 48, 201, 16,
       0x40000, "d0089da8ae2ce496b8d3568dad6c7535d41253b55c957cd4d4143c3f44cffe1a"},
      {"aarch64-0.11.0-hello_world", Arch::aarch64, HermitVersion{0, 11, 0}, 731800, std::nullopt, 412748, 621400, 32,
       112, 8, 0x40000, "0d68934df1bcbfc9f5b8dc14dadf27882dacbdc35acd326169ce4bd0d9236608"},
  };
}

auto sha256(const std::vector<std::byte>& bytes) -> std::string {
  const auto path = std::filesystem::temp_directory_path() / ("hermitage-memory-" + std::to_string(::getpid()));
  std::ofstream{path, std::ios::binary}.write(reinterpret_cast<const char*>(bytes.data()),
                                              static_cast<std::streamsize>(bytes.size()));
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe{::popen(("sha256sum " + path.string()).c_str(), "r"), ::pclose};
  std::array<char, 65> digest{};
  const auto size = std::fread(digest.data(), 1, 64, pipe.get());
  std::filesystem::remove(path);
  return {digest.data(), size};
}

class RealImages : public ::testing::TestWithParam<ImageFacts> {
 protected:
  void SetUp() override {
    image_ = testing::read_image(GetParam().name);
    if (!image_)
      GTEST_SKIP() << GetParam().name << " is not in " << testing::images_directory() << "; see CONTRIBUTING.md";
  }

  std::optional<std::vector<std::byte>> image_;
};

TEST_P(RealImages, AreUnderstood) {
  const auto& expected = GetParam();
  const auto kernel = KernelObject::parse(*image_);
  ASSERT_TRUE(kernel) << kernel.error().message().view();
  EXPECT_EQ(kernel->arch(), expected.arch);
  EXPECT_EQ(kernel->endian(), Endian::little);
  EXPECT_EQ(kernel->hermit_version(), expected.hermit_version);
  EXPECT_FALSE(kernel->has_uhyve_interface_note());
  EXPECT_EQ(kernel->uhyve_interface_version().value, 1U);
  EXPECT_EQ(kernel->is_relocatable(), !expected.start_addr);
  EXPECT_EQ(kernel->mem_size(), expected.mem_size);
  EXPECT_EQ(kernel->start_addr().has_value(), expected.start_addr.has_value());
  if (expected.start_addr) {
    EXPECT_EQ(kernel->start_addr()->value, *expected.start_addr);
  }
  EXPECT_EQ(kernel->entry_point({0}).value, expected.entry_point);
  const auto tls = kernel->tls_info({0});
  ASSERT_TRUE(tls);
  EXPECT_EQ(*tls, (TlsInfo{{expected.tls_start}, expected.tls_filesz, expected.tls_memsz, expected.tls_align}));
}

TEST_P(RealImages, AreLoadedByteForByte) {
  const auto& expected = GetParam();
  const auto kernel = KernelObject::parse(*image_);
  ASSERT_TRUE(kernel);
  std::vector<std::byte> memory(kernel->mem_size(), std::byte{0xa5});
  const auto loaded = kernel->load(memory, {expected.loaded_at});
  ASSERT_TRUE(loaded) << loaded.error().message().view();
  EXPECT_EQ(sha256(memory), expected.sha256);
}

INSTANTIATE_TEST_SUITE_P(Entry4, RealImages, ::testing::ValuesIn(facts()), [](const auto& param) {
  auto name = param.param.name;
  for (auto& c : name) {
    if (c == '-' || c == '.') c = '_';
  }
  return name;
});

// Crate uhyve 0.2.2 contains two images of 2023. Current loaders do not support their entry version.
TEST(OldRealImages, AreRefusedForTheirEntryVersion) {
  for (const auto* name : {"x86_64-0.2.2-entry3-hello_world", "x86_64-0.2.2-entry3-hello_c"}) {
    const auto image = testing::read_image(name);
    if (!image) GTEST_SKIP() << name << " is not in " << testing::images_directory() << "; see CONTRIBUTING.md";
    const auto kernel = KernelObject::parse(*image);
    ASSERT_FALSE(kernel);
    EXPECT_EQ(kernel.error().code, ProblemCode::entry_version);
    EXPECT_EQ(kernel.error().found, 3U);
    EXPECT_EQ(kernel.error().expected, 4U);
  }
}

}  // namespace
}  // namespace hermitage::entry
