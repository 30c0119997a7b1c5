#include "hermitage/entry/boot_protocol.hpp"

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "testing/elf_writer.hpp"
#include "testing/images.hpp"
#include "testing/kernels.hpp"

namespace hermitage::entry {
namespace {

constexpr std::uint32_t kMultiboot = 0x1badb002;
constexpr std::uint32_t kMultiboot2 = 0xe85250d6;

// The names of the boot protocols that a file declares.
auto protocols_of(std::span<const std::byte> bytes) -> std::string {
  const auto file = ElfFile::open(bytes);
  if (!file) return "not an ELF file";
  std::string names;
  for (const auto protocol : kBootProtocols) {
    if (supports(*file, protocol)) names += std::string{name(protocol)} + ' ';
  }
  return names;
}

auto kernel_with(std::vector<testing::NoteDescription> notes) -> std::vector<std::byte> {
  auto kernel = testing::minimal_kernel(Arch::x86_64, Endian::little, true);
  kernel.notes = std::move(notes);
  return write(kernel);
}

// An ELF header, then zeros, with these words at offset `at`.
auto file_with_words(std::size_t size, std::size_t at, std::initializer_list<std::uint32_t> words,
                     Endian endian = Endian::little) -> std::vector<std::byte> {
  auto file = write(testing::minimal_kernel(Arch::x86_64, Endian::little, true));
  file.resize(elf::FileHeader::kSize);
  testing::patch<std::uint16_t>(file, testing::offset_of(testing::HeaderField::phnum), 0, Endian::little);
  testing::patch<std::uint16_t>(file, testing::offset_of(testing::HeaderField::shnum), 0, Endian::little);
  file.resize(size);
  for (const auto word : words) {
    testing::patch<std::uint32_t>(file, at, word, endian);
    at += 4;
  }
  return file;
}

auto file_with_multiboot(std::size_t size, std::size_t at, std::uint32_t flags = 0x10003) -> std::vector<std::byte> {
  return file_with_words(size, at, {kMultiboot, flags, 0 - kMultiboot - flags});
}

auto file_with_multiboot2(std::size_t size, std::size_t at) -> std::vector<std::byte> {
  constexpr std::uint32_t kArchitecture = 0;
  constexpr std::uint32_t kLength = 24;
  return file_with_words(size, at, {kMultiboot2, kArchitecture, kLength, 0 - kMultiboot2 - kArchitecture - kLength});
}

TEST(BootProtocol, HasAName) {
  EXPECT_EQ(name(BootProtocol::hermit), "hermit");
  EXPECT_EQ(name(BootProtocol::pvh), "pvh");
  EXPECT_EQ(name(BootProtocol::multiboot), "multiboot");
  EXPECT_EQ(name(BootProtocol::multiboot2), "multiboot2");
  EXPECT_EQ(std::size(kBootProtocols), 4U);
}

TEST(BootProtocol, AHermitKernelBootsAsOne) {
  for (const auto& target : testing::kTargets) {
    for (const bool is_relocatable : {true, false}) {
      EXPECT_EQ(protocols_of(write(testing::minimal_kernel(target.arch, target.endian, is_relocatable))), "hermit ")
          << target.name;
    }
  }
}

TEST(BootProtocol, HermitIsOneOfThisEntryVersion) {
  EXPECT_EQ(protocols_of(kernel_with({testing::hermit_note(4)})), "hermit ");
  EXPECT_EQ(protocols_of(kernel_with({testing::hermit_note(3)})), "");
  EXPECT_EQ(protocols_of(kernel_with({testing::hermit_note(5)})), "");
  // The first note counts, as in parsing.
  EXPECT_EQ(protocols_of(kernel_with({testing::hermit_note(4), testing::hermit_note(3)})), "hermit ");
  EXPECT_EQ(protocols_of(kernel_with({testing::hermit_note(3), testing::hermit_note(4)})), "");
  EXPECT_EQ(protocols_of(kernel_with({})), "");
  EXPECT_EQ(protocols_of(kernel_with({{.name = "HERMIT", .type = 1, .desc = {std::byte{4}}}})), "");
  EXPECT_EQ(protocols_of(kernel_with({testing::uhyve_note(2)})), "");
}

TEST(BootProtocol, PvhIsAXenNoteOfType18) {
  EXPECT_EQ(protocols_of(kernel_with({testing::xen_pvh_note(0x2000)})), "pvh ");
  EXPECT_EQ(protocols_of(kernel_with({testing::xen_pvh_note(0x2000), testing::hermit_note()})), "hermit pvh ");
  EXPECT_EQ(protocols_of(kernel_with({{.name = "Xen", .type = 17, .desc = {}}})), "");
  EXPECT_EQ(protocols_of(kernel_with({{.name = "XEN", .type = 18, .desc = {}}})), "");
}

TEST(BootProtocol, NotesOfAllSegmentsCount) {
  auto kernel = testing::minimal_kernel(Arch::x86_64, Endian::little, true);
  kernel.notes = {testing::uhyve_note(2), testing::xen_pvh_note(0x2000), testing::hermit_note()};
  kernel.has_segment_per_note = true;
  EXPECT_EQ(protocols_of(write(kernel)), "hermit pvh ");
}

TEST(BootProtocol, MultibootHeadersLieInTheFirst8KiB) {
  constexpr std::size_t kSize = 40000;
  for (const std::size_t at : {64U, 68U, 100U, 4096U, 8176U, 8180U}) {
    EXPECT_EQ(protocols_of(file_with_multiboot(kSize, at)), "multiboot ") << at;
  }
  for (const std::size_t at : {65U, 66U, 67U, 8182U, 8184U, 8188U, 8192U, 12288U}) {
    EXPECT_EQ(protocols_of(file_with_multiboot(kSize, at)), "") << at;
  }
  // At the very end of a short file, and beyond it.
  EXPECT_EQ(protocols_of(file_with_multiboot(512, 500)), "multiboot ");
  auto cut = file_with_multiboot(512, 500);
  cut.pop_back();
  EXPECT_EQ(protocols_of(cut), "");
}

TEST(BootProtocol, Multiboot2HeadersLieInTheFirst32KiB) {
  constexpr std::size_t kSize = 40000;
  for (const std::size_t at : {64U, 72U, 8192U, 32744U, 32752U}) {
    EXPECT_EQ(protocols_of(file_with_multiboot2(kSize, at)), "multiboot2 ") << at;
  }
  for (const std::size_t at : {68U, 76U, 65U, 32756U, 32760U, 32768U}) {
    EXPECT_EQ(protocols_of(file_with_multiboot2(kSize, at)), "") << at;
  }
  EXPECT_EQ(protocols_of(file_with_multiboot2(512, 496)), "multiboot2 ");
  auto cut = file_with_multiboot2(512, 496);
  cut.pop_back();
  EXPECT_EQ(protocols_of(cut), "");
}

TEST(BootProtocol, ChecksumsMustHold) {
  constexpr std::size_t kSize = 1024;
  EXPECT_EQ(protocols_of(file_with_words(kSize, 64, {kMultiboot, 0, 0 - kMultiboot})), "multiboot ");
  EXPECT_EQ(protocols_of(file_with_words(kSize, 64, {kMultiboot, 0, 1 - kMultiboot})), "");
  EXPECT_EQ(protocols_of(file_with_words(kSize, 64, {kMultiboot + 1, 0, 0 - kMultiboot - 1})), "");
  // The sum is 0 without the third or the fourth word.
  EXPECT_EQ(protocols_of(file_with_words(kSize, 64, {kMultiboot, 0 - kMultiboot, 1})), "");
  EXPECT_EQ(protocols_of(file_with_words(kSize, 64, {kMultiboot2, 0, 0 - kMultiboot2, 1})), "");
  EXPECT_EQ(protocols_of(file_with_words(kSize, 64, {kMultiboot2, 0, 16, 0 - kMultiboot2})), "");
  EXPECT_EQ(protocols_of(file_with_words(kSize, 64, {kMultiboot, 0, 0 - kMultiboot}, Endian::big)), "");
  EXPECT_EQ(protocols_of(file_with_words(kSize, 64, {kMultiboot2, 0, 16, 0 - kMultiboot2 - 16}, Endian::big)), "");
}

TEST(BootProtocol, AHeaderBehindAWrongOneIsFound) {
  auto file = file_with_multiboot(1024, 80);
  testing::patch<std::uint32_t>(file, 64, kMultiboot, Endian::little);
  EXPECT_EQ(protocols_of(file), "multiboot ");
}

TEST(BootProtocol, MultibootHeadersAreLittleEndianInBigEndianFiles) {
  auto file = write(testing::minimal_kernel(Arch::aarch64, Endian::big, true));
  file.resize(8192);
  const auto at = file.size() - 64;
  testing::patch<std::uint32_t>(file, at, kMultiboot, Endian::little);
  testing::patch<std::uint32_t>(file, at + 8, 0 - kMultiboot, Endian::little);
  EXPECT_EQ(protocols_of(file), "hermit multiboot ");
}

TEST(BootProtocol, RealImages) {
  struct Case {
    std::string_view name;
    std::string_view protocols;
  };
  constexpr Case kCases[] = {{"x86_64-0.6.9-hello_world", "hermit "},
                             {"aarch64-0.11.0-hello_world", "hermit "},
                             {"x86_64-0.2.2-entry3-hello_world", ""}};
  bool has_any = false;
  for (const auto& [name, protocols] : kCases) {
    const auto image = testing::read_image(name);
    if (!image) continue;
    has_any = true;
    EXPECT_EQ(protocols_of(*image), protocols) << name;
  }
  if (!has_any) GTEST_SKIP() << "no images in " << testing::images_directory();
}

}  // namespace
}  // namespace hermitage::entry
