// Examples of the headers of hermitage/vmm. The reference shows each part at its header.
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fcntl.h>

#include "hermitage/vmm/control_options.hpp"
#include "hermitage/vmm/ending.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/files/guest_files.hpp"
#include "hermitage/vmm/host.hpp"
#include "hermitage/vmm/isolation/isolation.hpp"
#include "hermitage/vmm/machine.hpp"
#include "hermitage/vmm/machine_options.hpp"
#include "hermitage/vmm/memory/mapped_file.hpp"
#include "hermitage/vmm/net/backend.hpp"
#include "hermitage/vmm/net/inherited.hpp"
#include "hermitage/vmm/net/passt.hpp"
#include "hermitage/vmm/net/pcap.hpp"
#include "hermitage/vmm/net/socket.hpp"
#include "hermitage/vmm/net/tap.hpp"
#include "hermitage/vmm/network_options.hpp"
#include "hermitage/vmm/pause_gate.hpp"
#include "hermitage/vmm/snapshot/description.hpp"
#include "hermitage/vmm/snapshot/snapshot.hpp"
#include "hermitage/vmm/snapshot/snapshot_options.hpp"
#include "hermitage/vmm/statistics.hpp"
#include "hermitage/vmm/warnings.hpp"

namespace examples {

using namespace hermitage::vmm;

//! [hermitage/vmm/control_options.hpp]
// `echo stats | nc -U PATH` prints the guest's run time.
auto take_commands(const char* path, MachineOptions options) -> Result<MachineOptions> {
  auto listener = listen_for_control(path);
  if (!listener) return std::unexpected{listener.error()};
  options.control =
      ControlOptions{.listener = *std::move(listener), .show_statistics = [](const Statistics& statistics) {
                       return std::to_string(statistics.run_time.count()) + " ns\n";
                     }};
  return options;
}
//! [hermitage/vmm/control_options.hpp]

//! [hermitage/vmm/ending.hpp]
auto exit_status(const Ending& ending) -> int {
  if (const auto* const exit = std::get_if<GuestExit>(&ending)) return exit->code;
  if (const auto* const crash = std::get_if<GuestCrash>(&ending)) std::puts(crash->reason.c_str());
  return 1;
}
//! [hermitage/vmm/ending.hpp]

//! [hermitage/vmm/error.hpp]
auto can_fall_back(const Error& error) -> bool {
  std::fprintf(stderr, "%s\n", error.message().c_str());
  return error.code == ErrorCode::kvm_missing || error.code == ErrorCode::kvm_permission;
}
//! [hermitage/vmm/error.hpp]

//! [hermitage/vmm/files/guest_files.hpp]
auto files_with_data() -> Result<GuestFiles> {
  GuestFiles files{"/tmp"};
  if (auto added = files.add_mappings({{.host = "/srv/data", .guest = "/data", .is_read_only = true}}); !added) {
    return std::unexpected{std::move(added.error())};
  }
  return files;
}
//! [hermitage/vmm/files/guest_files.hpp]

//! [hermitage/vmm/host.hpp]
void print_findings() {
  for (const auto& check : check_host()) std::printf("%s: %s\n", check.subject.c_str(), check.finding.c_str());
}
//! [hermitage/vmm/host.hpp]

//! [hermitage/vmm/isolation/isolation.hpp]
void isolate(MachineOptions& options) {
  options.isolation = {.file_isolation = FileIsolation::strict, .sandbox = true};
}
//! [hermitage/vmm/isolation/isolation.hpp]

//! [hermitage/vmm/memory/mapped_file.hpp]
auto size_of(const std::string& path) -> std::size_t {
  const auto file = MappedFile::open(path);
  return file ? file->bytes().size() : 0;
}
//! [hermitage/vmm/memory/mapped_file.hpp]

//! [hermitage/vmm/machine_options.hpp]
auto small_machine() -> MachineOptions {
  MachineOptions options;
  options.memory_size = std::uint64_t{32} << 20;
  options.cpu_count = 2;
  options.output = OutputBuffer{};
  options.timeout = std::chrono::seconds{10};
  return options;
}
//! [hermitage/vmm/machine_options.hpp]

//! [hermitage/vmm/machine.hpp]
auto run(const std::string& path) -> int {
  const auto file = MappedFile::open(path);
  if (!file) return 1;
  auto machine =
      Machine::create({.elf = file->bytes(), .descriptor = file->descriptor()}, small_machine(), GuestFiles{"/tmp"});
  if (!machine) return std::puts(machine.error().message().c_str()), 1;
  const auto result = machine->run();
  return result ? exit_status(result->ending) : 1;
}
//! [hermitage/vmm/machine.hpp]

//! [hermitage/vmm/net/backend.hpp]
auto accepts(net::Backend& backend, std::span<const iovec> frame) -> bool {
  const auto is_sent = backend.send(frame);
  return is_sent && *is_sent;
}
//! [hermitage/vmm/net/backend.hpp]

//! [hermitage/vmm/net/inherited.hpp]
auto network_of_parent() -> Result<std::unique_ptr<net::Backend>> {
  constexpr int kDescriptor = 3;
  return net::open_inherited(kDescriptor);
}
//! [hermitage/vmm/net/inherited.hpp]

//! [hermitage/vmm/net/passt.hpp]
auto publish_port_80() -> Result<std::unique_ptr<net::Passt>> {
  return net::Passt::start({.forwards = {{.address = "127.0.0.1", .host_port = 8080, .guest_port = 80}}});
}
//! [hermitage/vmm/net/passt.hpp]

//! [hermitage/vmm/net/pcap.hpp]
auto recorded(std::unique_ptr<net::Backend> backend) -> Result<std::unique_ptr<net::Pcap>> {
  return net::Pcap::create("frames.pcap", std::move(backend), [](const std::string& line) { std::puts(line.c_str()); });
}
//! [hermitage/vmm/net/pcap.hpp]

//! [hermitage/vmm/net/socket.hpp]
auto cable_to_qemu(Descriptor socket) -> std::unique_ptr<net::Backend> {
  return std::make_unique<net::StreamSocket>(std::move(socket), "QEMU");
}
//! [hermitage/vmm/net/socket.hpp]

//! [hermitage/vmm/net/tap.hpp]
auto tap_name() -> std::string {
  const auto tap = net::Tap::make();
  return tap ? (*tap)->name() : tap.error().message();
}
//! [hermitage/vmm/net/tap.hpp]

//! [hermitage/vmm/network_options.hpp]
void connect(MachineOptions& options, std::unique_ptr<net::Backend> backend) {
  options.network = NetworkOptions{.backend = std::move(backend), .vhost = nullptr, .card = {}};
}
//! [hermitage/vmm/network_options.hpp]

//! [hermitage/vmm/pause_gate.hpp]
template <class Function>
auto while_paused(Machine& machine, Function function) -> bool {
  if (machine.pause() != PauseOutcome::paused) return false;
  function();
  machine.resume();
  return true;
}
//! [hermitage/vmm/pause_gate.hpp]

//! [hermitage/vmm/snapshot/snapshot.hpp]
auto resume(const std::string& path) -> Result<Machine> {
  const auto snapshot = snapshot::Snapshot::open(path);
  if (!snapshot) return std::unexpected{snapshot.error()};
  return Machine::restore(*snapshot, {}, GuestFiles{"/tmp"});
}
//! [hermitage/vmm/snapshot/snapshot.hpp]

//! [hermitage/vmm/snapshot/description.hpp]
auto description_of(const snapshot::Snapshot& snapshot) -> std::string {
  return snapshot.description();  // calls describe()
}
//! [hermitage/vmm/snapshot/description.hpp]

//! [hermitage/vmm/snapshot/snapshot_options.hpp]
auto save_when_ready(const char* path) -> SnapshotOptions {
  return {.file = Descriptor{::open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)},
          .image = "server",
          .when_output = "ready\n"};
}
//! [hermitage/vmm/snapshot/snapshot_options.hpp]

//! [hermitage/vmm/statistics.hpp]
auto count_exits(const Statistics& statistics) -> std::uint64_t {
  std::uint64_t sum = 0;
  for (const auto& [name, counts] : statistics.exits) {
    for (const auto count : counts) sum += count;
  }
  return sum;
}
//! [hermitage/vmm/statistics.hpp]

//! [hermitage/vmm/warnings.hpp]
void warn_once(const std::string& line) {
  static Warnings warnings{[](std::string_view text) { std::fprintf(stderr, "%s\n", std::string{text}.c_str()); }};
  warnings.add(line);
}
//! [hermitage/vmm/warnings.hpp]

}  // namespace examples
