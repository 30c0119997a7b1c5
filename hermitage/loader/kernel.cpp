#include "hermitage/loader/kernel.hpp"

#include <cstring>
#include <optional>
#include <span>

#include "hermitage/entry/elf.hpp"
#include "hermitage/entry/format.hpp"
#include "hermitage/loader/log.hpp"
#include "hermitage/loader/machine.hpp"

namespace hermitage::loader {
namespace {

using entry::KernelObject;

constexpr std::uint64_t kPageSize = 4096;

// The core of a loader supports only the byte order of this machine.
auto check_machine(std::span<const std::byte> image) noexcept -> Result<void> {
  constexpr std::size_t kMachineAt = 18;
  if (image.size() < kMachineAt + sizeof(std::uint16_t)) return {};
  const bool is_big = image[entry::elf::kIdentData] == std::byte{entry::elf::kDataBig};
  const auto endian = is_big ? entry::Endian::big : entry::Endian::little;
  const auto number = is_big ? entry::read<std::uint16_t, entry::Endian::big>(image, kMachineAt)
                             : entry::read<std::uint16_t, entry::Endian::little>(image, kMachineAt);
  const auto arch = entry::arch_of_machine(number);
  if (endian == entry::kNativeEndian && (!arch || *arch == machine::kArch)) return {};
  return failure(entry::Message{}
                     .append("the kernel is made for ")
                     .append(arch ? name(*arch) : "another machine")
                     .append(", ")
                     .append(name(endian))
                     .append(" endian, and this loader for ")
                     .append(name(machine::kArch))
                     .append(", ")
                     .append(name(entry::kNativeEndian))
                     .append(" endian"));
}

auto parse(std::span<const std::byte> image) noexcept -> Result<KernelObject> {
  if (entry::detect_format(image) == entry::Format::elf) {
    if (const auto checked = check_machine(image); !checked) return std::unexpected{checked.error()};
  }
  auto kernel = KernelObject::parse(image);
  if (!kernel) return failure(kernel.error().message());
  return *kernel;
}

void log_kernel(const KernelObject& kernel) noexcept {
  LogLine line{LogLevel::info};
  line.text("Kernel: Hermit ");
  if (const auto version = kernel.hermit_version()) {
    line.text(version->text());
  } else {
    line.text("before 0.10");
  }
  const std::string_view kind = kernel.is_relocatable() ? std::string_view{"relocatable"} : std::string_view{"fixed"};
  line.text(", ").text(kind).text(", ").decimal(kernel.mem_size()).text(" bytes in memory");
}

auto no_place(std::string_view what, std::uint64_t size) noexcept -> std::unexpected<Failure> {
  return failure(entry::Message{}
                     .append("out of memory for ")
                     .append(what)
                     .append(" of ")
                     .append_decimal(size)
                     .append(" bytes; give the machine more memory"));
}

// The address that a fixed kernel requires.
auto fixed_place(const KernelObject& kernel, const MemoryMap& memory_map, const PlacementRules& rules) noexcept
    -> Result<GuestRange> {
  const auto place = range_of(kernel.start_addr()->value, kernel.mem_size());
  if (!place || !contains(rules.bounds, *place) || !memory_map.is_free(*place)) {
    return failure(entry::Message{}
                       .append("the kernel can only be loaded at ")
                       .append_hex(kernel.start_addr()->value)
                       .append(", but there are no ")
                       .append_decimal(kernel.mem_size())
                       .append(" free bytes there; build it relocatable, or give the machine more memory"));
  }
  return *place;
}

}  // namespace

auto load_kernel(const PhysicalMemory& memory, MemoryMap& memory_map, GuestRange image,
                 const PlacementRules& rules) noexcept -> Result<LoadedImage> {
  const auto bytes = memory.bytes(image);
  if (!bytes) return failure("the image is outside of the memory");
  auto kernel = parse(*bytes);
  if (!kernel) return std::unexpected{kernel.error()};
  log_kernel(*kernel);

  std::optional<GuestRange> place;
  if (kernel->is_relocatable()) {
    // A relocatable kernel must not overlap the image.
    if (!memory_map.reserve(image)) return failure("the memory map has too many ranges");
    place = memory_map.find(kernel->mem_size(), rules.alignment, rules.bounds);
    if (!place) return no_place("a kernel", kernel->mem_size());
  } else {
    const auto fixed = fixed_place(*kernel, memory_map, rules);
    if (!fixed) return std::unexpected{fixed.error()};
    place = *fixed;
  }
  if (!memory_map.reserve(*place)) return failure("the memory map has too many ranges");
  if (rules.claim != nullptr && !rules.claim(*place)) return no_place("a kernel", kernel->mem_size());

  if (overlaps(*place, image)) {
    const auto refuge = memory_map.find(size_of(image), kPageSize, rules.bounds);
    if (!refuge) return no_place("a copy of the image", size_of(image));
    const auto copy = memory.bytes(*refuge);
    if (!copy) return failure("the memory map contains memory that does not exist");
    LogLine{LogLevel::debug}.text("Image moved to ").range(*refuge);
    std::memmove(copy->data(), bytes->data(), copy->size());
    kernel = parse(*copy);
    if (!kernel) return std::unexpected{kernel.error()};
  }

  const auto target = memory.bytes(*place);
  if (!target) return failure("the memory map contains memory that does not exist");
  const auto loaded = kernel->load(*target, place->start);
  if (!loaded) return failure(loaded.error().message());
  LogLine{LogLevel::info}.text("Kernel loaded at ").range(loaded->image);
  if (const auto& tls = loaded->tls) {
    LogLine{LogLevel::info}
        .text("TLS template at ")
        .address(tls->start)
        .text(", ")
        .decimal(tls->filesz)
        .text(" of ")
        .decimal(tls->memsz)
        .text(" bytes, aligned to ")
        .decimal(tls->align);
  }
  return LoadedImage{*kernel, *loaded};
}

}  // namespace hermitage::loader
