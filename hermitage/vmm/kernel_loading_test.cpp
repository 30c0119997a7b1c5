#include "hermitage/vmm/kernel_loading.hpp"

#include <algorithm>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "hermitage/vmm/memory/mapped_file.hpp"
#include "testing/images.hpp"
#include "testing/kernels.hpp"
#include "testing/temporary_directory.hpp"

namespace hermitage::vmm {
namespace {

using entry::Arch;
using entry::Endian;
using testing::abi_tag_note;
using testing::hermit_note;
using testing::minimal_kernel;
using testing::uhyve_note;

constexpr std::uint64_t kBase = std::uint64_t{4} << 30;

using Bytes = std::vector<std::byte>;

auto memory_of(std::uint64_t size) -> GuestMemory {
  constexpr std::uint64_t kPage = 4096;
  return std::move(GuestMemory::allocate({kBase}, (size + kPage - 1) / kPage * kPage, {}).value());
}

auto error_of(const Bytes& elf) -> Error {
  const auto kernel = parse_kernel(elf);
  return kernel ? Error{ErrorCode::kvm_failed, "there is none"} : kernel.error();
}

auto with_notes(std::vector<testing::NoteDescription> notes) -> Bytes {
  auto kernel = minimal_kernel(Arch::x86_64, Endian::little, true);
  kernel.notes = std::move(notes);
  return write(kernel);
}

TEST(ParseKernel, TakesKernelsOfEveryInterface) {
  for (const std::uint32_t interface : {1U, 2U, 3U}) {
    const auto elf = with_notes({abi_tag_note({0, 13, 0}, Endian::little), hermit_note(), uhyve_note(interface)});
    const auto kernel = parse_kernel(elf);
    ASSERT_TRUE(kernel) << kernel.error().message();
    EXPECT_EQ(kernel->uhyve_interface_version().value, interface);
  }
}

TEST(ParseKernel, TakesOldKernelsWithoutTheInterfaceNote) {
  EXPECT_TRUE(parse_kernel(with_notes({hermit_note()}))) << "before 0.10, which have no ABI tag";
  EXPECT_TRUE(parse_kernel(with_notes({abi_tag_note({0, 11, 99}, Endian::little), hermit_note()})));
}

TEST(ParseKernel, RefusesNewKernelsWithoutTheInterfaceNote) {
  for (const auto version :
       {entry::HermitVersion{0, 12, 0}, entry::HermitVersion{0, 13, 2}, entry::HermitVersion{1, 0, 0}}) {
    const auto error = error_of(with_notes({abi_tag_note(version, Endian::little), hermit_note()}));
    EXPECT_EQ(error.code, ErrorCode::image);
    EXPECT_NE(error.message().find("feature `uhyve`"), std::string::npos) << error.message();
    EXPECT_NE(error.message().find(version.text().view()), std::string::npos) << error.message();
  }
}

TEST(ParseKernel, RefusesInterfacesThatItDoesNotKnow) {
  for (const std::uint32_t interface : {0U, 4U, UINT32_MAX}) {
    const auto error = error_of(with_notes({hermit_note(), uhyve_note(interface)}));
    EXPECT_EQ(error.code, ErrorCode::image);
    EXPECT_NE(error.message().find("interface " + std::to_string(interface)), std::string::npos) << error.message();
  }
}

TEST(ParseKernel, RefusesOtherArchitectures) {
  for (const auto& target : testing::kTargets) {
    if (target.arch == Arch::x86_64) continue;
    const auto error = error_of(write(minimal_kernel(target.arch, target.endian, true)));
    EXPECT_EQ(error.code, ErrorCode::image);
    EXPECT_NE(error.message().find("runs kernels for x86_64"), std::string::npos) << error.message();
  }
}

TEST(ParseKernel, RefusesWhatCannotBeLoaded) {
  for (const auto& sample : testing::sample_kernels()) {
    if (sample.loadable) continue;
    const auto kernel = parse_kernel(sample.bytes);
    if (kernel) continue;  // its fault is detected during relocation
    EXPECT_EQ(kernel.error().code, ErrorCode::image) << sample.name;
    EXPECT_FALSE(kernel.error().message().empty()) << sample.name;
  }
  EXPECT_EQ(error_of({}).code, ErrorCode::image);
}

// The memory after loading from the bytes alone, and after loading from the file.
struct Loaded {
  GuestMemory copied;
  GuestMemory mapped;
};

auto load_both_ways(const Bytes& elf, std::uint64_t offset) -> Loaded {
  const testing::TemporaryDirectory directory;
  const auto path = directory.write("kernel", {reinterpret_cast<const char*>(elf.data()), elf.size()});
  const auto file = MappedFile::open(path);
  if (!file) throw std::runtime_error{file.error().message()};
  const auto kernel = parse_kernel(file->bytes());
  if (!kernel) throw std::runtime_error{kernel.error().message()};
  const auto start = kernel->start_addr().value_or(GuestAddress{kBase + offset});
  Loaded loaded{memory_of(start.value - kBase + kernel->mem_size()),
                memory_of(start.value - kBase + kernel->mem_size())};
  const auto by_copy = load_kernel(*kernel, loaded.copied, start, -1);
  const auto by_map = load_kernel(*kernel, loaded.mapped, start, file->descriptor());
  if (!by_copy || !by_map) throw std::runtime_error{"not loaded"};
  EXPECT_EQ(by_copy->entry_point, by_map->entry_point);
  EXPECT_EQ(by_copy->image, by_map->image);
  EXPECT_EQ(by_copy->tls, by_map->tls);
  return loaded;
}

// The memory after the core has loaded the kernel into a buffer.
auto expected(const Bytes& elf, std::uint64_t offset) -> Bytes {
  const auto kernel = parse_kernel(elf).value();
  const auto start = kernel.start_addr().value_or(GuestAddress{kBase + offset});
  Bytes memory(start.value - kBase + kernel.mem_size());
  const auto image = std::span{memory}.subspan(start.value - kBase, kernel.mem_size());
  if (!kernel.load(image, start)) throw std::runtime_error{"not loaded"};
  return memory;
}

TEST(LoadKernel, MapsWhatItWouldCopy) {
  struct Case {
    const char* name;
    Bytes elf;
    std::uint64_t offset;
  };
  for (const auto& [name, elf, offset] :
       {Case{"small", write(minimal_kernel(Arch::x86_64, Endian::little, true)), 0x40000},
        Case{"large", testing::large_kernel(8 << 20), 0x40000},
        Case{"large, not at a page", testing::large_kernel(4 << 20), 0x40123},
        Case{"many relocations", testing::many_relocations_kernel(300'000), 0x40000}}) {
    const auto loaded = load_both_ways(elf, offset);
    const auto memory = expected(elf, offset);
    EXPECT_TRUE(std::ranges::equal(loaded.copied.bytes().first(memory.size()), memory)) << name;
    EXPECT_TRUE(std::ranges::equal(loaded.mapped.bytes().first(memory.size()), memory)) << name;
  }
}

// The number of bytes of a file that are mapped into this process (proc(5)).
auto mapped_bytes(const std::string& path) -> std::uint64_t {
  std::ifstream mappings{"/proc/self/maps"};
  std::uint64_t total = 0;
  for (std::string line; std::getline(mappings, line);) {
    if (!line.ends_with(" " + path)) continue;
    std::size_t end = 0;
    const auto start = std::stoull(line, &end, 16);
    total += std::stoull(line.substr(end + 1), nullptr, 16) - start;
  }
  return total;
}

// The number of bytes of a kernel's file that are mapped into the guest memory.
auto mapped_of(const Bytes& elf) -> std::uint64_t {
  const testing::TemporaryDirectory directory;
  const auto path = directory.write("kernel", {reinterpret_cast<const char*>(elf.data()), elf.size()});
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  const auto kernel = parse_kernel(elf).value();
  const auto memory = memory_of(kernel.mem_size());
  EXPECT_TRUE(load_kernel(kernel, memory, {kBase}, file.get()));
  return mapped_bytes(path);
}

TEST(LoadKernel, MapsRangesOf64KiBThatAreHardlyRelocated) {
  EXPECT_EQ(mapped_of(testing::large_kernel(32 << 10)), 0U) << "copying is faster";
  // Every page of its data would be copied in any case. The table of relocations itself is not relocated.
  constexpr std::uint64_t kRelocations = 100'000;
  EXPECT_LT(mapped_of(testing::many_relocations_kernel(kRelocations)), (kRelocations + 1000) * 24);
  EXPECT_GE(mapped_of(testing::large_kernel(8 << 20)), 7U << 20);
}

TEST(LoadKernel, LoadsAnyRightKernelTheSameWay) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const auto elf = testing::random_kernel(seed, Arch::x86_64, Endian::little, seed % 2 == 0);
    const auto kernel = parse_kernel(elf);
    if (!kernel) continue;  // no interface note, or one of another interface
    if (kernel->start_addr() &&
        (*kernel->start_addr() < GuestAddress{kBase} || kernel->start_addr()->value - kBase > (64U << 20))) {
      continue;
    }
    const auto loaded = load_both_ways(elf, 0x40000);
    const auto memory = expected(elf, 0x40000);
    EXPECT_TRUE(std::ranges::equal(loaded.copied.bytes().first(memory.size()), memory)) << seed;
    EXPECT_TRUE(std::ranges::equal(loaded.mapped.bytes().first(memory.size()), memory)) << seed;
  }
}

TEST(LoadKernel, LeavesTheFileAlone) {
  const auto elf = testing::large_kernel(8 << 20);
  const testing::TemporaryDirectory directory;
  const auto path = directory.write("kernel", {reinterpret_cast<const char*>(elf.data()), elf.size()});
  const auto file = MappedFile::open(path).value();
  const auto kernel = parse_kernel(file.bytes()).value();
  const auto memory = memory_of(kernel.mem_size());
  ASSERT_TRUE(load_kernel(kernel, memory, {kBase}, file.descriptor()));
  std::ranges::fill(memory.bytes(), std::byte{0xa5});  // the guest can do this
  EXPECT_EQ(testing::read_bytes(path), elf);
}

TEST(LoadKernel, SaysThatTheFileCannotBeRead) {
  const auto elf = testing::large_kernel(8 << 20);
  const auto kernel = parse_kernel(elf).value();
  const auto memory = memory_of(0x40000 + kernel.mem_size());
  constexpr int kNoFile = 1'000'000;
  const Descriptor empty{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  for (const int descriptor : {kNoFile, empty.get()}) {
    const auto loaded = load_kernel(kernel, memory, {kBase + 0x40000}, descriptor);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, ErrorCode::image);
    EXPECT_EQ(loaded.error().message(), "the kernel's file cannot be read to its end");
  }
}

TEST(LoadKernel, RefusesWhatDoesNotFit) {
  const auto elf = write(minimal_kernel(Arch::x86_64, Endian::little, true));
  const auto kernel = parse_kernel(elf).value();
  const auto memory = memory_of(kernel.mem_size());
  for (const auto start :
       {kBase + memory.size() - kernel.mem_size() + 1, kBase + memory.size(), kBase - 1, UINT64_MAX}) {
    const auto loaded = load_kernel(kernel, memory, {start}, -1);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, ErrorCode::configuration);
  }
}

TEST(LoadKernel, RefusesWrongRelocations) {
  const testing::TemporaryDirectory directory;
  std::size_t refused = 0;
  for (const auto& sample : testing::sample_kernels()) {
    const auto kernel = parse_kernel(sample.bytes);
    if (sample.loadable || !kernel || kernel->start_addr()) continue;
    const auto memory = memory_of(kernel->mem_size());
    const auto loaded = load_kernel(*kernel, memory, {kBase}, -1);
    ASSERT_FALSE(loaded) << sample.name;
    EXPECT_EQ(loaded.error().code, ErrorCode::image);
    ++refused;
  }
  EXPECT_GT(refused, 0U);
}

TEST(MappedFile, SaysWhyThereIsNone) {
  const testing::TemporaryDirectory directory;
  EXPECT_EQ(MappedFile::open(directory.file("nowhere")).error().message(),
            directory.file("nowhere") + ": open: No such file or directory");
  EXPECT_EQ(MappedFile::open(directory.path()).error().message(), directory.path() + ": is a directory");
  EXPECT_EQ(MappedFile::open("/dev/null").error().message(), "/dev/null: is not a regular file");
  const auto pipe = directory.file("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(MappedFile::open(pipe).error().message(), pipe + ": is not a regular file")
      << "and waits for nobody to write to it";
  const auto empty = MappedFile::open(directory.write("empty", ""));
  ASSERT_TRUE(empty);
  EXPECT_TRUE(empty->bytes().empty());
}

TEST(MappedFile, HasTheBytesOfSmallAndLargeOnes) {
  const testing::TemporaryDirectory directory;
  for (const std::size_t size : {1U, 4096U, 32768U, 32769U, 1U << 20}) {
    std::string text(size, 'x');
    text.front() = 'a';
    text.back() = 'z';
    auto file = MappedFile::open(directory.write("file", text)).value();
    auto other = MappedFile::open(directory.write("other", "other")).value();
    std::swap(file, other);  // moves must keep them
    const auto bytes = other.bytes();
    EXPECT_EQ((std::string_view{reinterpret_cast<const char*>(bytes.data()), bytes.size()}), text);
    EXPECT_EQ(file.bytes().size(), 5U);
    const auto again = MappedFile::map(std::move(other).release()).value();
    EXPECT_EQ(again.bytes().size(), size);
  }
}

}  // namespace
}  // namespace hermitage::vmm
