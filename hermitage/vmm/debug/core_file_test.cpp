#include "hermitage/vmm/debug/core_file.hpp"

#include <elf.h>
#include <sys/stat.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "hermitage/vmm/hypercalls/hypercalls_testing.hpp"
#include "testing/images.hpp"
#include "testing/temporary_directory.hpp"

namespace hermitage::vmm::debug {
namespace {

constexpr std::uint64_t kBase = 0x1'0000'0000;
constexpr std::uint64_t kSize = 0x40'0000;
constexpr std::uint64_t kPage = 0x1000;
constexpr std::uint64_t kStack = kBase + 0x30'0000;
constexpr std::uint64_t kKernel = kBase + 0x20'0000;
constexpr std::uint64_t kData = kBase + 0x10'0000;

// A core file in memory.
class Core {
 public:
  explicit Core(std::vector<std::byte> bytes) : bytes_{std::move(bytes)} {}

  template <class T>
  [[nodiscard]] auto get(std::uint64_t offset) const -> T {
    T value{};
    if (offset + sizeof value <= bytes_.size()) std::memcpy(&value, bytes_.data() + offset, sizeof value);
    return value;
  }
  [[nodiscard]] auto header() const { return get<Elf64_Ehdr>(0); }
  [[nodiscard]] auto segments() const -> std::vector<Elf64_Phdr> {
    std::vector<Elf64_Phdr> result;
    for (unsigned i = 0; i < header().e_phnum; ++i) {
      result.push_back(get<Elf64_Phdr>(header().e_phoff + i * sizeof(Elf64_Phdr)));
    }
    return result;
  }
  // The 8 bytes at a guest-virtual address, if the file has them.
  [[nodiscard]] auto word_at(std::uint64_t address) const -> std::optional<std::uint64_t> {
    for (const auto& segment : segments()) {
      const auto offset = address - segment.p_vaddr;
      if (segment.p_type == PT_LOAD && offset < segment.p_filesz) return get<std::uint64_t>(segment.p_offset + offset);
    }
    return std::nullopt;
  }
  struct Note {
    std::string name;
    unsigned type = 0;
    std::string content;
  };
  [[nodiscard]] auto notes() const -> std::vector<Note> {
    std::vector<Note> result;
    const auto segment = segments().front();
    for (auto at = segment.p_offset; at < segment.p_offset + segment.p_filesz;) {
      const auto note = get<Elf64_Nhdr>(at);
      at += sizeof note;
      const auto* const bytes = reinterpret_cast<const char*>(bytes_.data());
      result.push_back({.name = {bytes + at, note.n_namesz - 1}, .type = note.n_type, .content = {}});
      at += (note.n_namesz + 3) / 4 * 4;
      result.back().content.assign(bytes + at, note.n_descsz);
      at += (note.n_descsz + 3) / 4 * 4;
    }
    return result;
  }
  [[nodiscard]] auto contains(std::string_view text) const -> bool {
    const std::string_view all{reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
    return all.contains(text);
  }

 private:
  std::vector<std::byte> bytes_;
};

class CoreFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(vmm::testing::write_page_tables(memory));
    put(kStack, 0x1111);
    put(kKernel, 0x2222);
    put(kData, 0x3333);
    vcpus.resize(2);
    vcpus[0].number = 1;
    vcpus[0].state.general.rsp = kStack;
    vcpus[0].state.general.rip = 0x4444;
    vcpus[0].state.general.r15 = 0x5555;
    vcpus[0].state.fs_base = 0x6666;
    vcpus[0].state.extended[0] = std::byte{0x7f};
    vcpus[1].number = 0;
  }

  void put(std::uint64_t address, std::uint64_t value) { ASSERT_TRUE(memory.write(GuestAddress{address}, value)); }

  auto write(const CoreLimits& limits = {}, const std::function<bool()>& is_stopping = {}) -> Result<CoreSummary> {
    auto file = open_core(path);
    EXPECT_TRUE(file);
    return write_core(file->get(),
                      {.memory = memory,
                       .paging = *vmm::testing::paging_of(memory),
                       .vcpus = vcpus,
                       .signal = SIGSEGV,
                       .entry_point = kKernel + 0x40,
                       .kernel = {{kKernel}, {kKernel + kPage}},
                       .image = "some/image",
                       .note = "end: because\n"},
                      limits, is_stopping);
  }
  [[nodiscard]] auto core() const -> Core { return Core{hermitage::testing::read_bytes(path)}; }
  [[nodiscard]] auto size() const -> std::int64_t {
    struct stat status{};
    EXPECT_EQ(::stat(path.c_str(), &status), 0);
    return status.st_size;
  }

  hermitage::testing::TemporaryDirectory directory;
  std::string path = directory.file("core");
  GuestMemory memory = GuestMemory::allocate({kBase}, kSize, {}).value();
  std::vector<CoreContent::Vcpu> vcpus;
};

TEST_F(CoreFileTest, HasTheGuestsMemory) {
  const auto written = write();
  ASSERT_TRUE(written) << written.error().message();
  // Three pages with data and three page tables.
  EXPECT_EQ(*written, (CoreSummary{.size = 6 * kPage, .is_complete = true}));
  const auto file = core();
  EXPECT_EQ(file.header().e_type, ET_CORE);
  EXPECT_EQ(file.header().e_machine, EM_X86_64);
  EXPECT_EQ(file.segments().front().p_type, PT_NOTE);
  EXPECT_EQ(file.word_at(kStack), 0x1111U);
  EXPECT_EQ(file.word_at(kKernel), 0x2222U);
  EXPECT_EQ(file.word_at(kData), 0x3333U);
  EXPECT_EQ(file.word_at(kData + kPage), 0U) << "a page of zeros";
  EXPECT_EQ(file.word_at(kBase - 8), std::nullopt);
  EXPECT_EQ(file.word_at(kBase + kSize), std::nullopt);
  struct stat status{};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_LT(status.st_blocks * 512, 20 * 4096) << "pages of zeros take no space";
}

TEST_F(CoreFileTest, HasTheRegisters) {
  ASSERT_TRUE(write());
  const auto notes = core().notes();
  ASSERT_EQ(notes.size(), 7U);
  const auto word = [&](std::size_t note, std::size_t offset) {
    std::uint64_t value = 0;
    std::memcpy(&value, notes[note].content.data() + offset, sizeof value);
    return value;
  };
  EXPECT_EQ(notes[0].type, unsigned{NT_PRSTATUS});
  EXPECT_EQ(notes[0].content.size(), 336U);
  EXPECT_EQ(word(0, 0) & 0xffffffff, unsigned{SIGSEGV});
  EXPECT_EQ(word(0, 32) & 0xffffffff, 2U) << "the number of the vCPU plus 1";
  EXPECT_EQ(word(0, 112), 0x5555U) << "R15";
  EXPECT_EQ(word(0, 112 + 16 * 8), 0x4444U) << "RIP";
  EXPECT_EQ(word(0, 112 + 19 * 8), kStack);
  EXPECT_EQ(word(0, 112 + 21 * 8), 0x6666U) << "the base of FS";
  EXPECT_EQ(notes[1].type, unsigned{NT_PRPSINFO});
  EXPECT_EQ(notes[1].content.substr(40, 6), std::string("image\0", 6));
  EXPECT_EQ(notes[2].type, unsigned{NT_AUXV});
  EXPECT_EQ(word(2, 8), kKernel + 0x40);
  EXPECT_EQ(notes[3].type, unsigned{NT_FPREGSET});
  EXPECT_EQ(notes[3].content.size(), 512U);
  EXPECT_EQ(notes[3].content.front(), '\x7f');
  EXPECT_EQ(notes[4].type, unsigned{NT_PRSTATUS});
  EXPECT_EQ(word(4, 32) & 0xffffffff, 1U);
  EXPECT_EQ(notes[6].name, "Hermitage");
  EXPECT_EQ(notes[6].content, "end: because\n");
}

TEST_F(CoreFileTest, LimitsItsSize) {
  const auto written = write({.size = 2 * kPage});
  ASSERT_TRUE(written);
  EXPECT_EQ(*written, (CoreSummary{.size = 2 * kPage, .is_complete = false}));
  const auto file = core();
  EXPECT_EQ(file.word_at(kStack), 0x1111U) << "stacks come first";
  EXPECT_EQ(file.word_at(kKernel), 0x2222U) << "then the kernel";
  EXPECT_EQ(file.word_at(kData), std::nullopt) << "the rest is not in the file, not even as zeros";
  EXPECT_EQ(file.word_at(kData + kPage), 0U);
}

TEST_F(CoreFileTest, LeavesNothingIfItIsStopped) {
  ASSERT_TRUE(write());
  EXPECT_GT(size(), 0);
  const auto stopped = write({}, [] { return true; });
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().message(), "stopped while it was written");
  EXPECT_EQ(size(), 0);
  const auto late = write({.time = std::chrono::milliseconds{0}});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().message(), "not written within 0 s");
  EXPECT_EQ(size(), 0);
}

TEST_F(CoreFileTest, ReportsFailures) {
  EXPECT_EQ(open_core(directory.path()).error().code, ErrorCode::host_failed);
  const auto pipe = directory.file("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_FALSE(open_core(pipe));
  EXPECT_EQ(open_core("/dev/null").error().code, ErrorCode::configuration);
  const Descriptor full{::open("/dev/full", O_WRONLY | O_CLOEXEC)};
  const CoreContent content{
      .memory = memory, .paging = *vmm::testing::paging_of(memory), .vcpus = vcpus, .image = {}, .note = {}};
  const auto written = write_core(full.get(), content, {}, {});
  EXPECT_FALSE(written);
}

TEST_F(CoreFileTest, HasMemoryThatIsMappedTwiceOnce) {
  // The second entry of the PML4 is a copy of the first one.
  const auto tables = kBase + vmm::testing::kPageTables;
  put(tables + 8, memory.read<std::uint64_t>(GuestAddress{tables}).value());
  const auto written = write();
  ASSERT_TRUE(written);
  EXPECT_EQ(written->size, 6 * kPage);
  const auto file = core();
  EXPECT_EQ(file.word_at(kData), 0x3333U);
  EXPECT_EQ(file.word_at(kData + (std::uint64_t{1} << 39)), 0x3333U);
}

// The tables are the guest's.
TEST_F(CoreFileTest, EndsForHostileTables) {
  const auto tables = kBase + vmm::testing::kPageTables;
  // A loop that does not lead to the PML4, as often as possible.
  for (std::uint64_t index = 0; index < 512; ++index) {
    put(tables + 8 * index, (tables + kPage) | 3);
    put(tables + kPage + 8 * index, (tables + kPage) | 3);
  }
  const auto begin = std::chrono::steady_clock::now();
  const auto written = write();
  ASSERT_TRUE(written) << written.error().message();
  EXPECT_FALSE(written->is_complete);
  EXPECT_LT(core().header().e_phnum, 0xffff);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{30});
  // Tables outside of the memory.
  put(tables, UINT64_MAX);
  put(tables + 8, 0x7fff'ffff'f000 | 3);
  EXPECT_TRUE(write());
}

TEST_F(CoreFileTest, AcceptsAnyStackPointer) {
  for (const auto stack : {std::uint64_t{0}, UINT64_MAX, std::uint64_t{1} << 63, kBase + kSize - 1}) {
    vcpus[0].state.general.rsp = stack;
    EXPECT_TRUE(write()) << std::hex << stack;
  }
}

TEST_F(CoreFileTest, HasNothingOfTheHost) {
  // Not a literal, so that it is only in the heap and in the environment.
  std::string secret = "of the host only: ";
  for (char letter = 'a'; letter <= 'z'; ++letter) secret += letter;
  ASSERT_EQ(::setenv("HERMITAGE_SECRET", secret.c_str(), 1), 0);
  std::vector<std::string> copies(1000, secret);
  ASSERT_TRUE(write());
  const auto file = core();
  EXPECT_TRUE(file.contains("end: because"));
  EXPECT_FALSE(file.contains(secret));
  EXPECT_FALSE(file.contains("HERMITAGE_SECRET"));
  EXPECT_FALSE(file.contains(directory.path())) << "the name of the file";
  ::unsetenv("HERMITAGE_SECRET");
}

}  // namespace
}  // namespace hermitage::vmm::debug
