// Snapshots with any content. The checksums of most inputs are set right, so that the tables are reached.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "hermitage/vmm/devices/virtio/driver_testing.hpp"
#include "hermitage/vmm/devices/virtio/network_device.hpp"
#include "hermitage/vmm/devices/virtio/pci_transport.hpp"
#include "hermitage/vmm/files/guest_files.hpp"
#include "hermitage/vmm/snapshot/snapshot.hpp"
#include "hermitage/vmm/snapshot/snapshot_testing.hpp"

namespace {

using namespace hermitage::vmm;            // NOLINT(google-build-using-namespace): a program of its own
using namespace hermitage::vmm::snapshot;  // NOLINT(google-build-using-namespace)

constexpr std::uint64_t kMaxFuzzedMemory = std::uint64_t{1} << 30;

// The tables of a snapshot whose header and description are right.
auto snapshot_with(std::span<const std::byte> tables) -> std::vector<std::byte> {
  std::vector<std::byte> bytes(kHeaderSize + rounded_to_page(tables.size()));
  static const auto sample = test_snapshot();
  Header header;
  std::memcpy(&header, sample.data(), sizeof header);
  header.description_size = 0;
  header.tables_size = tables.size();
  if (const auto decoded = decode(tables)) {
    std::uint64_t contents = 0;
    for (const auto& run : decoded->runs) contents += run.count * kPageSize;
    for (const auto size : decoded->content_sizes) contents += rounded_to_page(size);
    contents += rounded_to_page(decoded->kernel_file_size);
    // What is decoded is encoded in the same way, but for the contents.
    const auto is_zero = [](std::uint64_t size) { return size == 0; };
    if (decoded->kernel_file_size == 0 && std::ranges::all_of(decoded->content_sizes, is_zero)) {
      const auto again = encode(decoded->machine, decoded->runs);
      if (!std::ranges::equal(again, tables)) std::abort();
    }
    if (contents <= (1 << 20)) bytes.resize(bytes.size() + contents);
  }
  header.file_size = bytes.size();
  std::memcpy(bytes.data(), &header, sizeof header);
  seal(bytes);
  return bytes;
}

// A card with a network that has all features.
void restore_network(const NetworkState& state, const GuestMemory& memory) {
  constexpr std::uint64_t kBar = 0xfe00'0000;
  constexpr std::uint16_t kMaxQueue = 1024;
  constexpr int kRounds = 4;
  virtio::testing::FakeBackend backend;
  backend.offered = ~std::uint64_t{0} & 0x7f83;
  virtio::testing::FakeInterrupts interrupts;
  virtio::NetworkDevice device{
      backend, {.mac = state.mac, .mtu = state.mtu, .queue_size = kMaxQueue}, [](const std::string&) {}};
  virtio::PciTransport transport{
      device, {.memory = memory, .interrupts = interrupts, .wake = [] {}, .warn = [](const std::string&) {}}, kBar, 11};
  device.move(state.offloads, state.mac);
  if (!transport.restore(state.transport)) return;
  for (int round = 0; round < kRounds && transport.service(); ++round) {
  }
}

void restore_on_a_fake_machine(const Snapshot& snapshot) {
  const auto& range = snapshot.machine().memory;
  const auto size = range.end.value - range.start.value;
  if (size <= kMaxFuzzedMemory) {
    const auto memory = GuestMemory::allocate(range.start, size, {});
    if (memory && !snapshot.load_memory(*memory)) std::abort();
    if (memory && snapshot.machine().network) restore_network(*snapshot.machine().network, *memory);
  }
  const auto saved = snapshot.files();
  if (!saved) std::abort();
  GuestFiles files{"/tmp"};
  [[maybe_unused]] const auto restored = files.restore(*saved, true);
  if (!snapshot.kernel_file()) std::abort();
  [[maybe_unused]] const auto description = snapshot.description();
  [[maybe_unused]] const auto verified = snapshot.verify();
}

}  // namespace

extern "C" auto LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) -> int {
  if (size == 0) return 0;
  const auto input = std::as_bytes(std::span{data, size}).subspan(1);
  const bool is_raw = data[0] == 0;
  const auto bytes = is_raw ? std::vector<std::byte>{input.begin(), input.end()} : snapshot_with(input);
  if (const auto snapshot = Snapshot::open(file_with(bytes))) restore_on_a_fake_machine(*snapshot);
  return 0;
}
