#include "hermitage/vmm/snapshot/snapshot.hpp"

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <nlohmann/json.hpp>

#include "hermitage/vmm/snapshot/snapshot_testing.hpp"

namespace hermitage::vmm::snapshot {
namespace {

auto message_of(std::span<const std::byte> bytes) -> std::string {
  const auto opened = Snapshot::open(file_with(bytes));
  return opened ? "" : opened.error().message();
}

auto header_of(std::span<const std::byte> bytes) -> Header {
  Header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  return header;
}

// The snapshot with another header, and right checksums.
auto with(std::vector<std::byte> bytes, const Header& header) -> std::vector<std::byte> {
  std::memcpy(bytes.data(), &header, sizeof header);
  seal(bytes);
  return bytes;
}

auto head_size_of(std::span<const std::byte> bytes) -> std::size_t {
  return head_size(bytes, bytes.size()).value();
}

void expect_same_state(const MachineState& one, const MachineState& other) {
  EXPECT_EQ(encode(one, {}), encode(other, {}));
}

TEST(Snapshot, ReturnsWhatWasSaved) {
  const auto bytes = test_snapshot();
  const auto snapshot = Snapshot::open(file_with(bytes));
  ASSERT_TRUE(snapshot) << snapshot.error().message();
  auto expected = test_machine();
  const auto files = snapshot->files();
  ASSERT_TRUE(files) << files.error().message();
  auto found = snapshot->machine();
  found.files = *files;
  found.kernel_file = expected.kernel_file;
  expect_same_state(found, expected);
  for (std::size_t i = 0; i < expected.files.nodes.size(); ++i) {
    EXPECT_TRUE(std::ranges::equal(files->nodes[i].content, expected.files.nodes[i].content)) << i;
  }
  const auto kernel = snapshot->kernel_file();
  ASSERT_TRUE(kernel) << kernel.error().message();
  EXPECT_TRUE(std::ranges::equal(kernel->bytes, expected.kernel_file));
  EXPECT_EQ(files->open, expected.files.open);
  EXPECT_EQ(files->mappings, expected.files.mappings);
  EXPECT_TRUE(snapshot->verify());
}

TEST(Snapshot, ReturnsTheMemoryMappedAndRead) {
  const auto bytes = test_snapshot();
  for (const auto contents : {Snapshot::Contents::mapped, Snapshot::Contents::read}) {
    const auto snapshot = Snapshot::open(file_with(bytes), contents);
    ASSERT_TRUE(snapshot);
    const auto memory = GuestMemory::allocate(kTestBase, kTestMemory, {}).value();
    ASSERT_TRUE(snapshot->load_memory(memory));
    EXPECT_TRUE(std::ranges::equal(memory.bytes(), test_memory().bytes()));
    // The memory is private.
    memory.bytes().front() = std::byte{99};
    EXPECT_TRUE(snapshot->verify());
  }
}

TEST(Snapshot, LeavesZeroPagesOut) {
  const auto runs = runs_of(test_memory(), PageMap::open());
  EXPECT_EQ(runs, (std::vector<MemoryRun>{{0, 1}, {100, 4}, {kTestPages - 1, 1}}));
  const auto snapshot = Snapshot::open(file_with(test_snapshot()));
  ASSERT_TRUE(snapshot);
  EXPECT_EQ(snapshot->saved_memory(), 6 * kPageSize);
}

TEST(Snapshot, LimitsTheNumberOfRuns) {
  // Every tenth page, so that gaps are longer than those that are always part of a run.
  constexpr std::uint64_t kStep = 10;
  const auto memory = GuestMemory::allocate(kTestBase, 3 * kMaxRuns * kStep * kPageSize, {}).value();
  for (std::uint64_t page = 0; page < memory.size() / kPageSize; page += kStep) {
    memory.bytes()[page * kPageSize] = std::byte{1};
  }
  const auto runs = runs_of(memory, PageMap::open());
  EXPECT_LE(runs.size(), kMaxRuns);
  EXPECT_EQ(runs.back().first + runs.back().count, memory.size() / kPageSize - kStep + 1);
}

// Untouched pages of anonymous memory are zeros, which must not depend on whether the host tells which they are. Pages
// of files have content without having been touched.
TEST(Snapshot, SavesPagesOfFilesThatNobodyHasTouched) {
  const auto snapshot = Snapshot::open(file_with(test_snapshot()));
  ASSERT_TRUE(snapshot);
  const auto memory = GuestMemory::allocate(kTestBase, kTestMemory, {}).value();
  ASSERT_TRUE(snapshot->load_memory(memory));
  memory.bytes()[200 * kPageSize] = std::byte{1};
  const std::vector<MemoryRun> expected{{0, 1}, {100, 4}, {200, 1}, {kTestPages - 1, 1}};
  EXPECT_EQ(runs_of(memory, PageMap::open()), expected);
  EXPECT_EQ(runs_of(memory, PageMap{Descriptor{}}), expected);
}

TEST(Snapshot, ReadsAFileThatOthersCanWriteTo) {
  const auto file = file_with(test_snapshot());
  ASSERT_EQ(::fchmod(file.get(), 0666), 0);
  const auto snapshot = Snapshot::open(Descriptor{::dup(file.get())});
  ASSERT_TRUE(snapshot);
  const auto memory = GuestMemory::allocate(kTestBase, kTestMemory, {}).value();
  ASSERT_TRUE(snapshot->load_memory(memory));
  const std::byte changed{77};
  ASSERT_EQ(::pwrite(file.get(), &changed, 1, static_cast<off_t>(head_size_of(content_of(file)))), 1);
  EXPECT_EQ(memory.bytes().front(), std::byte{1});
}

// The file is sparse, so its size costs nothing.
TEST(Snapshot, RefusesToReadHugeFiles) {
  const auto small = test_snapshot();
  const auto small_header = header_of(small);
  const auto description = std::span{small}.subspan(kHeaderSize, small_header.description_size);
  auto machine = test_machine();
  constexpr auto kHuge = kMaxKernelFile + 1;
  for (auto& node : machine.files.nodes) {
    if (node.kind == SavedNode::Kind::image_file) node.content = {node.content.data(), kHuge};
  }
  machine.kernel_file = {};
  const auto tables = encode(machine, {});
  std::vector<std::byte> bytes(kHeaderSize);
  bytes.insert(bytes.end(), description.begin(), description.end());
  bytes.insert(bytes.end(), tables.begin(), tables.end());
  bytes.resize(rounded_to_page(bytes.size()));
  auto header = small_header;
  header.tables_size = tables.size();
  header.file_size = bytes.size();
  for (const auto& node : machine.files.nodes) header.file_size += rounded_to_page(node.content.size());
  const auto file = file_with(with(bytes, header));
  ASSERT_EQ(::ftruncate(file.get(), static_cast<off_t>(header.file_size)), 0);
  for (const mode_t mode : {0600U, 0666U}) {
    ASSERT_EQ(::fchmod(file.get(), mode), 0);
    const auto snapshot = Snapshot::open(Descriptor{::dup(file.get())});
    ASSERT_TRUE(snapshot) << snapshot.error().message();
    const auto files = snapshot->files();
    EXPECT_EQ(files.has_value(), mode == 0600U) << "mapped, not read";
    if (!files) {
      EXPECT_EQ(
          files.error().message(),
          "has a file of 1024 MiB, which is only mapped from a snapshot that no other user can write; chmod go-w");
    }
  }
}

TEST(Snapshot, DescribesItselfInJson) {
  const auto bytes = test_snapshot();
  const auto header = header_of(bytes);
  const auto* const text = reinterpret_cast<const char*>(bytes.data()) + kHeaderSize;
  const auto stored = nlohmann::json::parse(std::string{text, header.description_size});
  EXPECT_EQ(stored["image"], "hello");
  EXPECT_EQ(stored["vcpus"], 2);
  EXPECT_EQ(stored["arguments"], (std::vector<std::string>{"one", "two words"}));
  EXPECT_EQ(stored["memory"]["size"], kTestMemory);
  EXPECT_EQ(stored["files"]["mappings"][0]["guest"], "/data");
  EXPECT_EQ(nlohmann::json::parse(Snapshot::open(file_with(bytes))->description()), stored);
}

TEST(Snapshot, RefusesEveryDamagedByteOfHeaderAndTables) {
  auto bytes = test_snapshot();
  const auto size = head_size_of(bytes);
  for (std::size_t i = 0; i < size; ++i) {
    for (const auto flip : {std::byte{1}, std::byte{0x80}, std::byte{0xff}}) {
      bytes[i] ^= flip;
      EXPECT_FALSE(parse(std::span{bytes}.first(size), bytes.size())) << i;
      bytes[i] ^= flip;
    }
  }
}

TEST(Snapshot, FindsEveryDamagedByteOfTheContents) {
  auto bytes = test_snapshot();
  for (auto i = head_size_of(bytes); i < bytes.size(); i += 509) {
    bytes[i] ^= std::byte{0x10};
    const auto snapshot = Snapshot::open(file_with(bytes));
    ASSERT_TRUE(snapshot);
    const auto verified = snapshot->verify();
    ASSERT_FALSE(verified) << i;
    EXPECT_EQ(verified.error().message(), "is a damaged snapshot: the contents have a wrong checksum");
    bytes[i] ^= std::byte{0x10};
  }
}

TEST(Snapshot, RefusesEveryTruncation) {
  const auto bytes = test_snapshot();
  const auto size = head_size_of(bytes);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(parse(std::span{bytes}.first(std::min(length, size)), length)) << length;
  }
  EXPECT_EQ(message_of({}), "is not a snapshot");
  EXPECT_EQ(message_of(std::span{bytes}.first(100)), "is a truncated snapshot");
  EXPECT_EQ(message_of(std::span{bytes}.first(bytes.size() - 1)),
            "is a truncated snapshot: it has " + std::to_string(bytes.size() - 1) + " bytes, and its header states " +
                std::to_string(bytes.size()));
}

TEST(Snapshot, RefusesAddedBytes) {
  auto bytes = test_snapshot();
  bytes.resize(bytes.size() + kPageSize);
  EXPECT_NE(message_of(bytes).find("is a damaged snapshot"), std::string::npos);
}

TEST(Snapshot, NamesVersionAndArchitecture) {
  const auto bytes = test_snapshot();
  auto header = header_of(bytes);
  header.version = 2;
  EXPECT_EQ(message_of(with(bytes, header)), "is a snapshot of version 2; this program supports version 1");
  header = header_of(bytes);
  header.architecture = 183;
  EXPECT_EQ(message_of(with(bytes, header)),
            "is a snapshot of a guest for aarch64; this program runs guests for x86_64");
  header.architecture = 1'000'000;
  EXPECT_EQ(message_of(with(bytes, header)),
            "is a snapshot of a guest for machine number 1000000; this program runs guests for x86_64");
}

TEST(Snapshot, RefusesWrongSizes) {
  const auto bytes = test_snapshot();
  for (const std::uint64_t size : {std::uint64_t{0}, kMaxTables, kMaxTables + 1, UINT64_MAX - 1, UINT64_MAX}) {
    auto header = header_of(bytes);
    header.tables_size = size;
    EXPECT_NE(message_of(with(bytes, header)), "") << size;
    header = header_of(bytes);
    header.description_size = size;
    EXPECT_NE(message_of(with(bytes, header)), "") << size;
  }
}

// A machine whose snapshot must be refused, and the part that the message names.
struct Malformed {
  const char* part;
  void (*change)(MachineState& machine);
};

TEST(Snapshot, RefusesMalformedTables) {
  constexpr Malformed kCases[] = {
      {"the Uhyve interface", [](MachineState& machine) { machine.interface.value = 4; }},
      {"the Uhyve interface", [](MachineState& machine) { machine.interface.value = 0; }},
      {"the memory", [](MachineState& machine) { machine.memory.end = machine.memory.start; }},
      {"the memory", [](MachineState& machine) { std::swap(machine.memory.start, machine.memory.end); }},
      {"the memory", [](MachineState& machine) { machine.memory.start.value += 8; }},
      {"the memory", [](MachineState& machine) { machine.memory = {{0}, {UINT64_MAX & ~0xfffULL}}; }},
      {"the number of vCPUs", [](MachineState& machine) { machine.vcpus.clear(); }},
      {"the state of a vCPU", [](MachineState& machine) { machine.vcpus[0].parts[1].kind = 9; }},
      {"the hypercall of a vCPU", [](MachineState& machine) { machine.vcpus[1].repeated->size = 8; }},
      {"a mapping", [](MachineState& machine) { machine.files.mappings[0].path = "data"; }},
      {"a mapping", [](MachineState& machine) { machine.files.mappings[0].path = "/a/../b"; }},
      {"a mapping", [](MachineState& machine) { machine.files.mappings[0].path = "/"; }},
      {"a file of the guest", [](MachineState& machine) { machine.files.nodes[0].kind = SavedNode::Kind{4}; }},
      {"a file of the guest", [](MachineState& machine) { machine.files.nodes[0].kind = SavedNode::Kind::link; }},
      {"a file of the guest", [](MachineState& machine) { machine.files.nodes[0].path = std::string(300, 'x'); }},
      {"a file of the guest", [](MachineState& machine) { machine.files.nodes[0].path = "/" + std::string(256, 'x'); }},
      {"an open file of the guest", [](MachineState& machine) { machine.files.open[0].descriptor = 2; }},
      {"an open file of the guest", [](MachineState& machine) { machine.files.open[1].descriptor = 3; }},
      {"an open file of the guest", [](MachineState& machine) { machine.files.open[1].descriptor = 2000; }},
      {"an open file of the guest", [](MachineState& machine) { machine.files.open[1].flags = -1; }},
      {"an open file of the guest", [](MachineState& machine) { machine.files.open[1].offset = UINT64_MAX; }},
      {"an argument", [](MachineState& machine) { machine.arguments.application[0] = std::string(1, '\0'); }},
  };
  for (const auto& [part, change] : kCases) {
    auto machine = test_machine();
    change(machine);
    const auto decoded = decode(encode(machine, {}));
    // A link has a target, and the directory has none, which is permitted: only its content is not.
    if (decoded && machine.files.nodes[0].kind == SavedNode::Kind::link) continue;
    ASSERT_FALSE(decoded) << part;
    EXPECT_EQ(decoded.error().message(), std::string{"the snapshot is malformed: "} + part);
  }
}

TEST(Snapshot, RefusesMalformedRuns) {
  const std::vector<std::vector<MemoryRun>> kCases{{{0, 0}},         {{0, kTestPages + 1}}, {{kTestPages, 1}},
                                                   {{5, 1}, {5, 1}}, {{5, 2}, {6, 1}},      {{1, UINT64_MAX}},
                                                   {{UINT64_MAX, 1}}};
  for (const auto& runs : kCases) {
    const auto decoded = decode(encode(test_machine(), runs));
    ASSERT_FALSE(decoded) << runs.front().first;
    EXPECT_EQ(decoded.error().message(), "the snapshot is malformed: a run of memory pages");
  }
  EXPECT_TRUE(decode(encode(test_machine(), std::vector<MemoryRun>{{0, 1}, {1, kTestPages - 1}})));
}

TEST(Snapshot, RefusesTruncatedTables) {
  const auto bytes = encode(test_machine(), std::vector<MemoryRun>{{0, 1}});
  ASSERT_TRUE(decode(bytes));
  for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(decode(std::span{bytes}.first(size))) << size;
  auto longer = bytes;
  longer.push_back({});
  EXPECT_FALSE(decode(longer));
}

TEST(Snapshot, RefusesContentsOfAnotherSize) {
  auto machine = test_machine();
  const auto file = test_file();
  const auto memory = test_memory();
  ASSERT_TRUE(write(file.get(), machine, memory, PageMap::open()));
  auto bytes = content_of(file);
  auto header = header_of(bytes);
  bytes.resize(bytes.size() + kPageSize);
  header.file_size = bytes.size();
  EXPECT_EQ(message_of(with(bytes, header)), "is a damaged snapshot: the size of its contents is wrong");
}

TEST(Snapshot, IsNoSnapshotUntilItIsComplete) {
  struct Limit {
    rlimit before{};
    void (*handler)(int) = ::signal(SIGXFSZ, SIG_IGN);
    explicit Limit(rlim_t size) {
      ::getrlimit(RLIMIT_FSIZE, &before);
      const rlimit lower{.rlim_cur = size, .rlim_max = before.rlim_max};
      ::setrlimit(RLIMIT_FSIZE, &lower);
    }
    Limit(const Limit&) = delete;
    auto operator=(const Limit&) -> Limit& = delete;
    ~Limit() {
      ::setrlimit(RLIMIT_FSIZE, &before);
      ::signal(SIGXFSZ, handler);
    }
  };
  const auto size = test_snapshot().size();
  const auto memory = test_memory();
  for (rlim_t limit = 0; limit < size; limit += 1111) {
    const auto file = test_file();
    {
      const Limit limited{limit};
      const auto written = write(file.get(), test_machine(), memory, PageMap::open());
      ASSERT_FALSE(written) << limit;
      EXPECT_EQ(written.error().message(), "cannot write the snapshot: pwrite: File too large");
    }
    EXPECT_FALSE(is_snapshot(content_of(file))) << limit;
  }
}

TEST(Snapshot, NamesAPathThatCannotBeOpened) {
  const auto missing = Snapshot::open(std::string{"/nonexistent/app.snap"});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message(), "/nonexistent/app.snap: open: No such file or directory");
  const auto device = Snapshot::open(std::string{"/dev/null"});
  ASSERT_FALSE(device);
  EXPECT_EQ(device.error().message(), "/dev/null: is not a regular file");
}

}  // namespace
}  // namespace hermitage::vmm::snapshot
