#include "hermitage/vmm/device_tree.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <string_view>
#include <variant>

#include <fmt/format.h>
extern "C" {
#include <libfdt.h>
}

#include "hermitage/vmm/arch/arch.hpp"

namespace hermitage::vmm {
namespace {

// libfdt's sequential writer. It remembers the first error, which can only be lack of space. After an error, it no
// longer calls libfdt, because libfdt reads its state from the buffer, which may contain none.
class Writer {
 public:
  explicit Writer(std::span<std::byte> buffer) : buffer_{buffer} { call(fdt_create, static_cast<int>(buffer_.size())); }

  void reserve(GuestRange range) {
    call(fdt_add_reservemap_entry, range.start.value, range.end.value - range.start.value);
  }
  void end_reservations() { call(fdt_finish_reservemap); }
  void begin_node(const std::string& name) { call(fdt_begin_node, name.c_str()); }
  void end_node() { call(fdt_end_node); }
  void property(const char* name, std::uint32_t value) { call(fdt_property_u32, name, value); }
  void property(const char* name, std::uint64_t value) { call(fdt_property_u64, name, value); }
  void property(const char* name, std::string_view text) {
    const std::string terminated{text};
    call(fdt_property, name, terminated.c_str(), static_cast<int>(terminated.size() + 1));
  }
  void property(const char* name, const std::vector<std::uint32_t>& cells) {
    std::vector<fdt32_t> values;
    values.reserve(cells.size());
    for (const auto cell : cells) values.push_back(cpu_to_fdt32(cell));
    call(fdt_property, name, values.data(), static_cast<int>(values.size() * sizeof(fdt32_t)));
  }
  void property(const char* name, GuestRange range) {
    const std::array<fdt64_t, 2> cells{cpu_to_fdt64(range.start.value),
                                       cpu_to_fdt64(range.end.value - range.start.value)};
    call(fdt_property, name, cells.data(), static_cast<int>(sizeof cells));
  }

  // The size of the finished tree, or nothing after an error.
  [[nodiscard]] auto finish() -> std::optional<std::size_t> {
    call(fdt_finish);
    if (error_ != 0) return std::nullopt;
    return fdt_totalsize(buffer_.data());
  }

 private:
  template <class Function, class... Arguments>
  void call(Function function, Arguments... arguments) {
    if (error_ == 0) error_ = function(buffer_.data(), arguments...);
  }

  std::span<std::byte> buffer_;
  int error_ = 0;
};

// The name of a device with its address. Every start of a guest waits for these names. fmt::format needs more time for
// them than the rest of the tree needs.
auto unit_name(std::string_view name, std::uint64_t address) -> std::string {
  std::array<char, 2 * sizeof address> digits{};
  const auto end = std::to_chars(digits.begin(), digits.end(), address, 16).ptr;
  return std::string{name}.append(1, '@').append(digits.begin(), end);
}

void write_memory(Writer& writer, GuestRange memory) {
  writer.begin_node(unit_name("memory", memory.start.value));
  writer.property("device_type", std::string_view{"memory"});
  writer.property("reg", memory);
  writer.end_node();
}

void write_chosen(Writer& writer, const DeviceTree& tree) {
  writer.begin_node("chosen");
  writer.property("bootargs", std::string_view{tree.boot_arguments});
  if (tree.image) {
    writer.property("linux,initrd-start", tree.image->start.value);
    writer.property("linux,initrd-end", tree.image->end.value);
  }
  writer.end_node();
}

void write_cpus(Writer& writer, std::uint32_t count) {
  writer.begin_node("cpus");
  writer.property("#address-cells", std::uint32_t{1});
  writer.property("#size-cells", std::uint32_t{0});
  for (std::uint32_t cpu = 0; cpu < count; ++cpu) {
    writer.begin_node(unit_name("cpu", cpu));
    writer.property("device_type", std::string_view{"cpu"});
    writer.property("reg", cpu);
    writer.end_node();
  }
  writer.end_node();
}

void write_device(Writer& writer, const DeviceNode& node) {
  writer.begin_node(node.name);
  for (const auto& [name, value] : node.properties) {
    std::visit([&](const auto& known) { writer.property(name, known); }, value);
  }
  writer.end_node();
}

void write_mounts(Writer& writer, const std::vector<std::string>& mounts) {
  writer.begin_node("uhyve,mounts");
  std::string list;
  for (const auto& mount : mounts) list.append(mount).push_back('\0');
  list.pop_back();  // property() adds the last NUL
  writer.property("mounts", std::string_view{list});
  writer.end_node();
}

// An upper limit for the size of the tree: its frame, a node for each vCPU, and its strings.
auto largest_size(const DeviceTree& tree) -> std::size_t {
  constexpr std::size_t kFrame = 2048;
  constexpr std::size_t kProcessor = 64;
  auto size = kFrame + std::size_t{tree.cpu_count} * kProcessor + tree.boot_arguments.size();
  for (const auto& mount : tree.mounts) size += mount.size() + 1;
  return size;
}

}  // namespace

auto flatten(const DeviceTree& tree, std::size_t size_limit) -> Result<std::vector<std::byte>> {
  // libfdt first clears its whole buffer, so it should not be too large.
  std::vector<std::byte> buffer(std::min(size_limit, largest_size(tree)));
  Writer writer{buffer};
  if (tree.image) {
    // The kernel uses whole pages.
    const auto end = (tree.image->end.value + arch::kPageSize - 1) & ~(arch::kPageSize - 1);
    writer.reserve({tree.image->start, {end}});
  }
  writer.end_reservations();
  writer.begin_node("");
  writer.property("compatible", std::string_view{"hermit,uhyve"});
  writer.property("#address-cells", std::uint32_t{2});
  writer.property("#size-cells", std::uint32_t{2});
  write_memory(writer, tree.memory);
  if (tree.counter_khz) {
    writer.begin_node(std::string{arch::kCounterNode});
    writer.property("khz", *tree.counter_khz);
    writer.end_node();
  }
  if (!tree.mounts.empty()) write_mounts(writer, tree.mounts);
  write_cpus(writer, tree.cpu_count);
  for (const auto& node : arch::device_nodes(tree.cpu_count, tree.has_pci)) write_device(writer, node);
  write_chosen(writer, tree);
  writer.end_node();

  const auto size = writer.finish();
  if (!size) {
    return fail(
        ErrorCode::configuration,
        fmt::format("vCPUs, arguments, variables and mounts need a device tree of more than {} bytes, the limit",
                    size_limit));
  }
  buffer.resize(*size);
  return buffer;
}

}  // namespace hermitage::vmm
