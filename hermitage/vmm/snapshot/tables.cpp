#include "hermitage/vmm/snapshot/tables.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "hermitage/entry/uhyve_interface.hpp"
#include "hermitage/vmm/files/file_table.hpp"
#include "hermitage/vmm/files/guest_tree.hpp"

namespace hermitage::vmm::snapshot {
namespace {

constexpr std::size_t kMaxString = std::size_t{1} << 20;  // bytes
constexpr std::size_t kMaxComponent = 255;
constexpr std::uint64_t kMaxOffset = INT64_MAX;
constexpr std::uint64_t kMaxPciConfig = 4096;  // bytes
constexpr std::uint32_t kMaxQueues = 16;
constexpr std::string_view kNetworkCard = "the state of the network card";

// ---- Writing

class Writer {
 public:
  template <class Number>
  void put(Number number) {
    static_assert(std::is_integral_v<Number>);
    const auto at = bytes_.size();
    bytes_.resize(at + sizeof number);
    std::memcpy(bytes_.data() + at, &number, sizeof number);
  }
  void put_bytes(std::span<const std::byte> bytes) {
    put(static_cast<std::uint64_t>(bytes.size()));
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  void put_string(std::string_view text) { put_bytes(std::as_bytes(std::span{text})); }
  void put_strings(const std::vector<std::string>& list) {
    put(static_cast<std::uint32_t>(list.size()));
    for (const auto& text : list) put_string(text);
  }

  [[nodiscard]] auto take() -> std::vector<std::byte> { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

void put_state(Writer& writer, const StateParts& state) {
  writer.put(static_cast<std::uint32_t>(state.size()));
  for (const auto& [kind, bytes] : state) {
    writer.put(kind);
    writer.put_bytes(bytes);
  }
}

void put_range(Writer& writer, const entry::GuestRange& range) {
  writer.put(range.start.value);
  writer.put(range.end.value);
}

void put_vcpu(Writer& writer, const VcpuState& vcpu) {
  put_state(writer, vcpu.parts);
  const auto repeated = vcpu.repeated.value_or(RepeatedWrite{});
  writer.put(static_cast<std::uint8_t>(vcpu.repeated ? 1 : 0));
  writer.put(repeated.port);
  writer.put(repeated.size);
  writer.put(repeated.value);
}

void put_queue(Writer& writer, const QueueState& queue) {
  writer.put(queue.size);
  writer.put(queue.vector);
  writer.put(static_cast<std::uint8_t>(queue.is_enabled ? 1 : 0));
  writer.put(queue.descriptors);
  writer.put(queue.available);
  writer.put(queue.used);
  writer.put(queue.taken);
  writer.put(queue.returned);
}

void put_transport(Writer& writer, const TransportState& state) {
  writer.put_bytes(state.config);
  writer.put_bytes(state.messages);
  writer.put(state.pending);
  writer.put(state.device_feature_select);
  writer.put(state.driver_feature_select);
  writer.put(state.driver_features);
  writer.put(state.config_vector);
  writer.put(state.status);
  writer.put(state.config_generation);
  writer.put(state.queue_select);
  writer.put(state.interrupt_causes);
  writer.put(static_cast<std::uint32_t>(state.queues.size()));
  for (const auto& queue : state.queues) put_queue(writer, queue);
}

void put_network(Writer& writer, const std::optional<NetworkState>& network) {
  writer.put(static_cast<std::uint8_t>(network ? 1 : 0));
  if (!network) return;
  for (const auto byte : network->mac) writer.put(byte);
  writer.put(static_cast<std::uint8_t>(network->mtu ? 1 : 0));
  writer.put(network->mtu.value_or(0));
  writer.put(network->queue_size);
  writer.put(static_cast<std::uint8_t>(network->offloads ? 1 : 0));
  writer.put(network->offloads.value_or(0));
  put_transport(writer, network->transport);
}

void put_files(Writer& writer, const SavedFiles& files) {
  writer.put(static_cast<std::uint32_t>(files.mappings.size()));
  for (const auto& mapping : files.mappings) {
    writer.put_string(mapping.path);
    writer.put(static_cast<std::uint8_t>(mapping.is_read_only ? 1 : 0));
  }
  writer.put(static_cast<std::uint32_t>(files.nodes.size()));
  for (const auto& node : files.nodes) {
    writer.put(std::to_underlying(node.kind));
    writer.put_string(node.path);
    writer.put(node.mode);
    writer.put_string(node.target);
    writer.put(static_cast<std::uint64_t>(node.content.size()));
  }
  writer.put(static_cast<std::uint32_t>(files.open.size()));
  for (const auto& file : files.open) {
    writer.put(file.descriptor);
    writer.put_string(file.path);
    writer.put(file.flags);
    writer.put(file.offset);
    writer.put(static_cast<std::uint8_t>(file.is_on_host ? 1 : 0));
    writer.put(file.identity.device);
    writer.put(file.identity.inode);
    writer.put(file.identity.size);
    writer.put(file.identity.modified);
    writer.put(file.identity.modified_ns);
  }
}

// ---- Reading

// The first failure counts. After it, all results are zeros.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : left_{bytes} {}

  template <class Number>
  auto get() -> Number {
    static_assert(std::is_integral_v<Number>);
    Number number{};
    const auto bytes = take(sizeof number);
    if (bytes.size() == sizeof number) std::memcpy(&number, bytes.data(), sizeof number);
    return number;
  }
  auto get_bool() -> bool {
    const auto value = get<std::uint8_t>();
    if (value > 1) fail("a flag");
    return value == 1;
  }
  // Each element has at least `least_size` bytes, so a wrong number is found before memory is allocated for it.
  auto get_count(std::uint32_t limit, std::size_t least_size, std::string_view what) -> std::uint32_t {
    const auto count = get<std::uint32_t>();
    if (count <= limit && std::uint64_t{count} * least_size <= left_.size()) return count;
    fail(what);
    return 0;
  }
  auto get_bytes(std::uint64_t limit, std::string_view what) -> std::span<const std::byte> {
    const auto size = get<std::uint64_t>();
    if (size > limit) fail(what);
    return size > limit ? std::span<const std::byte>{} : take(size);
  }
  auto get_string(std::string_view what) -> std::string {
    const auto bytes = get_bytes(kMaxString, what);
    std::string text{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    if (text.contains('\0')) fail(what);
    return text;
  }
  auto get_strings(std::string_view what) -> std::vector<std::string> {
    std::vector<std::string> list;
    for (auto left = get_count(kMaxStrings, sizeof(std::uint64_t), what); left > 0; --left) {
      list.push_back(get_string(what));
    }
    return list;
  }

  void fail(std::string_view what) {
    if (!problem_.empty()) return;
    problem_ = what;
    left_ = {};
  }
  void require(bool condition, std::string_view what) {
    if (!condition) fail(what);
  }

  [[nodiscard]] auto is_good() const -> bool { return problem_.empty(); }
  [[nodiscard]] auto problem() const -> const std::string& { return problem_; }
  [[nodiscard]] auto is_at_end() const -> bool { return left_.empty(); }

 private:
  auto take(std::uint64_t size) -> std::span<const std::byte> {
    if (size > left_.size()) {
      fail("the size of the tables");
      return {};
    }
    const auto bytes = left_.first(size);
    left_ = left_.subspan(size);
    return bytes;
  }

  std::span<const std::byte> left_;
  std::string problem_;
};

auto get_state(Reader& reader, std::string_view what) -> StateParts {
  StateParts state;
  std::set<std::uint32_t> kinds;
  for (auto left = reader.get_count(kMaxParts, sizeof(std::uint32_t), what); left > 0 && reader.is_good(); --left) {
    const auto kind = reader.get<std::uint32_t>();
    const auto bytes = reader.get_bytes(kMaxTables, what);
    reader.require(kinds.insert(kind).second, what);
    state.push_back({.kind = kind, .bytes = {bytes.begin(), bytes.end()}});
  }
  return state;
}

auto get_range(Reader& reader, std::string_view what) -> entry::GuestRange {
  entry::GuestRange range;
  range.start.value = reader.get<std::uint64_t>();
  range.end.value = reader.get<std::uint64_t>();
  reader.require(range.start.value <= range.end.value, what);
  return range;
}

auto get_queue(Reader& reader) -> QueueState {
  QueueState queue{.size = reader.get<std::uint16_t>(), .vector = reader.get<std::uint16_t>()};
  queue.is_enabled = reader.get_bool();
  queue.descriptors = reader.get<std::uint64_t>();
  queue.available = reader.get<std::uint64_t>();
  queue.used = reader.get<std::uint64_t>();
  queue.taken = reader.get<std::uint16_t>();
  queue.returned = reader.get<std::uint16_t>();
  return queue;
}

auto get_transport(Reader& reader) -> TransportState {
  const auto config = reader.get_bytes(kMaxPciConfig, kNetworkCard);
  const auto messages = reader.get_bytes(kMaxPciConfig, kNetworkCard);
  TransportState state{.config = {config.begin(), config.end()}, .messages = {messages.begin(), messages.end()}};
  state.pending = reader.get<std::uint64_t>();
  state.device_feature_select = reader.get<std::uint32_t>();
  state.driver_feature_select = reader.get<std::uint32_t>();
  state.driver_features = reader.get<std::uint64_t>();
  state.config_vector = reader.get<std::uint16_t>();
  state.status = reader.get<std::uint8_t>();
  state.config_generation = reader.get<std::uint8_t>();
  state.queue_select = reader.get<std::uint16_t>();
  state.interrupt_causes = reader.get<std::uint8_t>();
  for (auto left = reader.get_count(kMaxQueues, 1, kNetworkCard); left > 0 && reader.is_good(); --left) {
    state.queues.push_back(get_queue(reader));
  }
  return state;
}

// The card itself checks what its driver could not have set.
auto get_network(Reader& reader) -> std::optional<NetworkState> {
  if (!reader.get_bool()) return std::nullopt;
  NetworkState network;
  for (auto& byte : network.mac) byte = reader.get<std::uint8_t>();
  const bool has_mtu = reader.get_bool();
  const auto mtu = reader.get<std::uint16_t>();
  reader.require(has_mtu || mtu == 0, kNetworkCard);
  if (has_mtu) network.mtu = mtu;
  network.queue_size = reader.get<std::uint16_t>();
  const bool has_offloads = reader.get_bool();
  const auto offloads = reader.get<std::uint64_t>();
  reader.require(has_offloads || offloads == 0, kNetworkCard);
  if (has_offloads) network.offloads = offloads;
  network.transport = get_transport(reader);
  return network;
}

auto get_vcpu(Reader& reader) -> VcpuState {
  VcpuState vcpu{.parts = get_state(reader, "the state of a vCPU")};
  const bool has_write = reader.get_bool();
  RepeatedWrite write;
  write.port = reader.get<std::uint16_t>();
  write.size = reader.get<std::uint8_t>();
  write.value = reader.get<std::uint32_t>();
  const bool fits = write.size == 1 || write.size == 2 || write.size == 4;
  reader.require(has_write ? fits : write == RepeatedWrite{}, "the hypercall of a vCPU");
  if (has_write) vcpu.repeated = write;
  return vcpu;
}

// An absolute path without `..`, whose components a guest can name.
auto is_path(const std::string& path) -> bool {
  if (!path.starts_with('/') || path.size() >= GuestTree::kMaxPath) return false;
  const auto components = components_of(path);
  return !components.empty() && std::ranges::all_of(components, [](const std::string& name) {
    return name != ".." && name.size() <= kMaxComponent;
  });
}

void get_mappings(Reader& reader, SavedFiles& files) {
  constexpr std::string_view kWhat = "a mapping";
  for (auto left = reader.get_count(kMaxNodes, 1, kWhat); left > 0 && reader.is_good(); --left) {
    SavedMapping mapping{.path = reader.get_string(kWhat)};
    mapping.is_read_only = reader.get_bool();
    reader.require(is_path(mapping.path), kWhat);
    files.mappings.push_back(std::move(mapping));
  }
}

void get_nodes(Reader& reader, Tables& tables) {
  constexpr std::string_view kWhat = "a file of the guest";
  std::uint64_t total = 0;
  for (auto left = reader.get_count(kMaxNodes, 1, kWhat); left > 0 && reader.is_good(); --left) {
    const auto kind = reader.get<std::uint8_t>();
    SavedNode node{.kind = static_cast<SavedNode::Kind>(kind), .path = reader.get_string(kWhat)};
    node.mode = reader.get<std::uint32_t>();
    node.target = reader.get_string(kWhat);
    const auto size = reader.get<std::uint64_t>();
    const bool has_content = node.kind == SavedNode::Kind::image_file || node.kind == SavedNode::Kind::private_file;
    const bool is_link = node.kind == SavedNode::Kind::link;
    reader.require(kind <= std::to_underlying(SavedNode::Kind::private_file) && is_path(node.path), kWhat);
    reader.require(is_link || node.target.empty(), kWhat);
    reader.require(node.target.size() < GuestTree::kMaxPath, kWhat);
    reader.require(has_content || size == 0, kWhat);
    reader.require(size <= kMaxOffset / 2 && (total += rounded_to_page(size)) <= kMaxOffset / 2, kWhat);
    tables.machine.files.nodes.push_back(std::move(node));
    tables.content_sizes.push_back(size);
  }
}

void get_open_files(Reader& reader, SavedFiles& files) {
  constexpr std::string_view kWhat = "an open file of the guest";
  std::int32_t next = FileTable::kFirstDescriptor;
  for (auto left = reader.get_count(FileTable::kMaxOpenFiles, 1, kWhat); left > 0 && reader.is_good(); --left) {
    SavedOpenFile file{.descriptor = reader.get<std::int32_t>(), .path = reader.get_string(kWhat)};
    file.flags = reader.get<std::int32_t>();
    file.offset = reader.get<std::uint64_t>();
    file.is_on_host = reader.get_bool();
    file.identity.device = reader.get<std::uint64_t>();
    file.identity.inode = reader.get<std::uint64_t>();
    file.identity.size = reader.get<std::uint64_t>();
    file.identity.modified = reader.get<std::int64_t>();
    file.identity.modified_ns = reader.get<std::uint64_t>();
    constexpr auto kEnd = FileTable::kFirstDescriptor + static_cast<std::int32_t>(FileTable::kMaxOpenFiles);
    reader.require(file.descriptor >= next && file.descriptor < kEnd, kWhat);
    reader.require(file.offset <= kMaxOffset && (file.flags & ~entry::uhyve::kOpenFlags) == 0, kWhat);
    next = file.descriptor + 1;
    files.open.push_back(std::move(file));
  }
}

void get_runs(Reader& reader, Tables& tables) {
  constexpr std::string_view kWhat = "a run of memory pages";
  const auto& memory = tables.machine.memory;
  const auto pages = (memory.end.value - memory.start.value) / kPageSize;
  std::uint64_t next = 0;
  for (auto left = reader.get_count(kMaxRuns, sizeof(MemoryRun), kWhat); left > 0 && reader.is_good(); --left) {
    const MemoryRun run{.first = reader.get<std::uint64_t>(), .count = reader.get<std::uint64_t>()};
    reader.require(run.first >= next && run.first < pages && run.count > 0 && run.count <= pages - run.first, kWhat);
    if (!reader.is_good()) return;
    next = run.first + run.count;
    tables.runs.push_back(run);
  }
}

void get_machine(Reader& reader, MachineState& machine) {
  machine.image = reader.get_string("the name of the image");
  machine.arguments.program = reader.get_string("an argument");
  machine.arguments.kernel = reader.get_strings("an argument");
  machine.arguments.application = reader.get_strings("an argument");
  machine.arguments.environment = reader.get_strings("an environment variable");
  machine.host_boot = reader.get_string("the host");
  machine.saved_at = reader.get<std::uint64_t>();
  machine.counter_khz = reader.get<std::uint32_t>();
  machine.interface.value = reader.get<std::uint32_t>();
  reader.require(machine.interface.value >= 1 && machine.interface.value <= 3, "the Uhyve interface");
  machine.has_timer = reader.get_bool();
  machine.manages_power = reader.get_bool();
  machine.memory = get_range(reader, "the memory");
  const auto size = machine.memory.end.value - machine.memory.start.value;
  const bool is_aligned = machine.memory.start.value % kPageSize == 0 && size % kPageSize == 0;
  reader.require(is_aligned && size > 0 && size <= kMaxMemory, "the memory");
  machine.kernel = get_range(reader, "the place of the kernel");
  reader.require(machine.kernel.start >= machine.memory.start && machine.kernel.end <= machine.memory.end,
                 "the place of the kernel");
  machine.vectors.arguments = reader.get_strings("an argument");
  machine.vectors.environment = reader.get_strings("an environment variable");
  const auto most = entry::uhyve::v1::kMaxArguments;
  reader.require(machine.vectors.arguments.size() <= most && machine.vectors.environment.size() <= most,
                 "the number of arguments");
  machine.network = get_network(reader);
  machine.vm = get_state(reader, "the state of the machine");
  const auto vcpus = reader.get_count(kMaxVcpus, sizeof(std::uint32_t), "the number of vCPUs");
  reader.require(vcpus > 0, "the number of vCPUs");
  for (std::uint32_t i = 0; i < vcpus && reader.is_good(); ++i) machine.vcpus.push_back(get_vcpu(reader));
}

}  // namespace

auto encode(const MachineState& machine, std::span<const MemoryRun> runs) -> std::vector<std::byte> {
  Writer writer;
  writer.put_string(machine.image);
  writer.put_string(machine.arguments.program);
  writer.put_strings(machine.arguments.kernel);
  writer.put_strings(machine.arguments.application);
  writer.put_strings(machine.arguments.environment);
  writer.put_string(machine.host_boot);
  writer.put(machine.saved_at);
  writer.put(machine.counter_khz);
  writer.put(static_cast<std::uint32_t>(machine.interface.value));
  writer.put(static_cast<std::uint8_t>(machine.has_timer ? 1 : 0));
  writer.put(static_cast<std::uint8_t>(machine.manages_power ? 1 : 0));
  put_range(writer, machine.memory);
  put_range(writer, machine.kernel);
  writer.put_strings(machine.vectors.arguments);
  writer.put_strings(machine.vectors.environment);
  put_network(writer, machine.network);
  put_state(writer, machine.vm);
  writer.put(static_cast<std::uint32_t>(machine.vcpus.size()));
  for (const auto& vcpu : machine.vcpus) put_vcpu(writer, vcpu);
  put_files(writer, machine.files);
  writer.put(static_cast<std::uint64_t>(machine.kernel_file.size()));
  writer.put(static_cast<std::uint32_t>(runs.size()));
  for (const auto& run : runs) {
    writer.put(run.first);
    writer.put(run.count);
  }
  return writer.take();
}

auto decode(std::span<const std::byte> bytes) -> Result<Tables> {
  Reader reader{bytes};
  Tables tables;
  get_machine(reader, tables.machine);
  get_mappings(reader, tables.machine.files);
  get_nodes(reader, tables);
  get_open_files(reader, tables.machine.files);
  tables.kernel_file_size = reader.get<std::uint64_t>();
  reader.require(tables.kernel_file_size <= kMaxKernelFile, "the size of the kernel's file");
  get_runs(reader, tables);
  reader.require(reader.is_at_end(), "the size of the tables");
  if (reader.is_good()) return tables;
  return fail(ErrorCode::image, fmt::format("the snapshot is malformed: {}", reader.problem()));
}

}  // namespace hermitage::vmm::snapshot
