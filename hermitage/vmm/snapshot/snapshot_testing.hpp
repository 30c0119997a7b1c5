// Snapshots of small, invented machines, for tests and fuzzing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"
#include "hermitage/vmm/snapshot/snapshot.hpp"
#include "hermitage/vmm/snapshot/writer.hpp"

namespace hermitage::vmm::snapshot {

inline constexpr std::uint64_t kTestPages = 512;
inline constexpr std::uint64_t kTestMemory = kTestPages * kPageSize;
inline constexpr GuestAddress kTestBase{0x1'0000'0000};

inline auto bytes_of(std::string_view text) -> std::vector<std::byte> {
  const auto bytes = std::as_bytes(std::span{text});
  return {bytes.begin(), bytes.end()};
}

// A machine in which nothing is empty.
inline auto test_machine() -> MachineState {
  MachineState machine{.image = "hello",
                       .arguments = {.program = "hello",
                                     .kernel = {"-v"},
                                     .application = {"one", "two words"},
                                     .environment = {"KEY=value"}},
                       .host_boot = "a boot",
                       .saved_at = 1'700'000'000'000'000'000,
                       .counter_khz = 2'000'000,
                       .interface = {3},
                       .has_timer = true,
                       .manages_power = false,
                       .memory = {kTestBase, kTestBase + kTestMemory},
                       .kernel = {kTestBase + 0x1000, kTestBase + 0x3000},
                       .vectors = {.arguments = {"hello"}, .environment = {"KEY=value", ""}}};
  machine.network = NetworkState{.mac = {2, 0, 0, 0, 0, 1}, .mtu = 1400, .queue_size = 256, .offloads = 2};
  machine.network->transport = {.config = bytes_of("configuration"),
                                .messages = bytes_of("messages"),
                                .pending = 1,
                                .driver_features = 0x1'0000'0020,
                                .status = 15,
                                .queues = {{.size = 256, .is_enabled = true, .used = 4096, .taken = 7, .returned = 7}}};
  machine.vm = {{.kind = 32, .bytes = bytes_of("a controller")}, {.kind = 36, .bytes = bytes_of("a clock")}};
  machine.vcpus = {{.parts = {{.kind = 9, .bytes = bytes_of("registers")}, {.kind = 2, .bytes = {}}}},
                   {.parts = {}, .repeated = RepeatedWrite{.port = 0x600, .size = 4, .value = 7}}};
  machine.files.mappings = {{.path = "/data", .is_read_only = true}};
  static constexpr std::array kContent{std::byte{'c'}, std::byte{'o'}};
  machine.files.nodes = {{.kind = SavedNode::Kind::directory, .path = "/etc"},
                         {.kind = SavedNode::Kind::image_file, .path = "/etc/app", .mode = 0644, .content = kContent},
                         {.kind = SavedNode::Kind::link, .path = "/etc/link", .target = "app"},
                         {.kind = SavedNode::Kind::private_file, .path = "/tmp/x", .content = kContent}};
  machine.files.open = {{.descriptor = 3, .path = "/etc/app", .flags = 0, .offset = 1},
                        {.descriptor = 7,
                         .path = "/data/file",
                         .flags = 0,
                         .offset = 4096,
                         .is_on_host = true,
                         .identity = {.device = 1, .inode = 2, .size = 3, .modified = 4, .modified_ns = 5}}};
  machine.kernel_file = kContent;
  return machine;
}

// Memory with three runs of pages, the last at its end.
inline auto test_memory() -> GuestMemory {
  auto memory = GuestMemory::allocate(kTestBase, kTestMemory, {}).value();
  const auto bytes = memory.bytes();
  std::memset(bytes.data(), 1, kPageSize);
  std::memset(bytes.data() + 100 * kPageSize + 5, 2, 3 * kPageSize);
  bytes.back() = std::byte{3};
  return memory;
}

inline auto test_file() -> Descriptor {
  return Descriptor{::memfd_create("snapshot", MFD_CLOEXEC)};
}

inline auto content_of(const Descriptor& file) -> std::vector<std::byte> {
  std::vector<std::byte> bytes(static_cast<std::size_t>(::lseek(file.get(), 0, SEEK_END)));
  if (::pread(file.get(), bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) bytes.clear();
  return bytes;
}

// A file with this content, which only its owner can write to.
inline auto file_with(std::span<const std::byte> bytes) -> Descriptor {
  auto file = test_file();
  ::fchmod(file.get(), 0600);
  if (::write(file.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) return {};
  return file;
}

// The bytes of a snapshot of test_machine() with test_memory().
inline auto test_snapshot() -> std::vector<std::byte> {
  const auto file = test_file();
  const auto memory = test_memory();
  if (!write(file.get(), test_machine(), memory, PageMap::open())) return {};
  return content_of(file);
}

}  // namespace hermitage::vmm::snapshot
