#include "bench/comparison.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "hermit_entry_peer.h"
#include "hermitage/entry/kernel_object.hpp"

namespace hermitage::bench {
namespace {

namespace elf = entry::elf;
using entry::GuestAddress;
using entry::KernelObject;

constexpr std::uint64_t kMostMemory = std::uint64_t{128} << 20;

// The content of memory before loading.
constexpr std::byte kUsed{0xa5};

// An intended difference from hermit-entry, recognized by the properties of a file that both load.
struct KnownDifference {
  std::string_view reason;
  bool (*applies)(const KernelObject& kernel);
};

constexpr KnownDifference kDifferencesOfNotes[] = {
    {"notes behind the first PT_NOTE are read here only",
     [](const KernelObject& kernel) {
       return std::ranges::count(kernel.segments(), elf::kSegmentNote, &elf::Segment::type) > 1;
     }},
    {"notes are padded to 4 bytes here where p_align is less",
     [](const KernelObject& kernel) { return kernel.file().find_segment(elf::kSegmentNote)->align < 4; }},
    {"a note's name without a NUL loses its last byte there",
     [](const KernelObject& kernel) {
       bool found = false;
       kernel.for_each_note([&](const entry::Note& note, std::uint64_t offset) {
         const auto size_with_nul = kernel.file().bytes().get<std::uint32_t>(offset);
         found = found || note.name.size() + 1 != size_with_nul;
       });
       return found;
     }},
};

constexpr KnownDifference kDifferencesOfMemory[] = {
    {"DT_RELR is applied here only",
     [](const KernelObject& kernel) { return kernel.is_relocatable() && !kernel.relr().empty(); }},
    {"entries behind DT_NULL count there only",
     [](const KernelObject& kernel) {
       const auto segment = kernel.file().find_segment(elf::kSegmentDynamic);
       if (!segment) return false;
       const auto all = entry::Table<elf::DynamicEntry>{kernel.file().segment_bytes(*segment)};
       const auto behind = static_cast<std::ptrdiff_t>(kernel.file().dynamic().size());
       return std::any_of(all.begin() + behind, all.end(),
                          [](const elf::DynamicEntry& entry) { return entry.tag != elf::kTagNull; });
     }},
    {"symbols are those of DT_SYMTAB here, those of SHT_DYNSYM there",
     [](const KernelObject& kernel) {
       const auto here = kernel.dynamic_symbols().symbols().bytes().bytes();
       const auto sections = kernel.file().sections();
       const auto section = std::ranges::find(sections, elf::kSectionDynamicSymbols, &elf::Section::type);
       return section != sections.end() && here.data() != kernel.file().bytes().bytes().data() + (*section).offset;
     }},
};

auto differ(std::span<const KnownDifference> known, const KernelObject& kernel, std::string what) -> Comparison {
  const auto found = std::ranges::find_if(known, [&](const auto& difference) { return difference.applies(kernel); });
  if (found == known.end()) return {Outcome::disagree, std::move(what)};
  return {Outcome::differ_on_purpose, std::string{found->reason}};
}

auto disagree(std::string_view what, std::uint64_t here, std::uint64_t there) -> Comparison {
  return {Outcome::disagree, fmt::format("{} is {:#x} here and {:#x} there", what, here, there)};
}

auto name(hermit_entry_peer_status status) -> std::string {
  return status == HERMIT_ENTRY_PEER_REFUSED ? "refused" : "panicked";
}

auto parse_there(std::span<const std::byte> elf, hermit_entry_peer_kernel& kernel) -> hermit_entry_peer_status {
  return hermit_entry_peer_parse(elf.data(), elf.size(), &kernel);
}

auto load_there(std::span<const std::byte> elf, GuestAddress start, std::span<std::byte> memory,
                hermit_entry_peer_loaded& loaded) -> hermit_entry_peer_status {
  return hermit_entry_peer_load(elf.data(), elf.size(), start.value, memory.data(), memory.size(), &loaded);
}

// hermit-entry does not write the bytes between segments. This library zeroes them.
void zero_gaps(const KernelObject& kernel, std::span<std::byte> memory) {
  std::uint64_t end = 0;
  for (const auto segment : kernel.segments()) {
    if (segment.type != elf::kSegmentLoad) continue;
    const auto begin = kernel.memory_offset(segment);
    std::ranges::fill(memory.subspan(end, begin - end), std::byte{});
    end = begin + segment.memsz;
  }
}

auto compare_parsed(const KernelObject& here, const hermit_entry_peer_kernel& there) -> std::optional<Comparison> {
  const auto version = here.hermit_version();
  const auto& [major, minor, patch] = there.hermit_version;
  if (version.has_value() != there.has_hermit_version ||
      (version && *version != entry::HermitVersion{major, minor, patch})) {
    return differ(kDifferencesOfNotes, here, "the Hermit version");
  }
  if (here.has_uhyve_interface_note() != there.has_uhyve_interface_version ||
      (there.has_uhyve_interface_version && here.uhyve_interface_version().value != there.uhyve_interface_version)) {
    return differ(kDifferencesOfNotes, here, "the Uhyve interface version");
  }
  if (here.mem_size() != there.mem_size) return disagree("the memory size", here.mem_size(), there.mem_size);
  const auto start = here.start_addr();
  if (start.has_value() != there.has_start_addr) return Comparison{Outcome::disagree, "whether it is relocatable"};
  if (start && start->value != there.start_addr) return disagree("the start address", start->value, there.start_addr);
  return std::nullopt;
}

auto compare_loaded(const entry::LoadedKernel& here, const hermit_entry_peer_loaded& there)
    -> std::optional<Comparison> {
  if (here.image.start.value != there.image_start) {
    return disagree("the image's start", here.image.start.value, there.image_start);
  }
  if (here.image.end.value != there.image_end) {
    return disagree("the image's end", here.image.end.value, there.image_end);
  }
  if (here.entry_point.value != there.entry_point) {
    return disagree("the entry point", here.entry_point.value, there.entry_point);
  }
  if (here.tls.has_value() != there.has_tls) return Comparison{Outcome::disagree, "whether there is a TLS"};
  if (here.tls && *here.tls != entry::TlsInfo{.start = {there.tls_start},
                                              .filesz = there.tls_filesz,
                                              .memsz = there.tls_memsz,
                                              .align = there.tls_align}) {
    return Comparison{Outcome::disagree, "the TLS"};
  }
  return std::nullopt;
}

auto compare_load(const KernelObject& kernel, GuestAddress start) -> Comparison {
  const auto elf = kernel.file().bytes().bytes();
  std::vector<std::byte> memory_here(kernel.mem_size(), kUsed);
  std::vector<std::byte> memory_there(kernel.mem_size(), kUsed);
  zero_gaps(kernel, memory_there);
  hermit_entry_peer_loaded there;
  const auto here = kernel.load(memory_here, start);
  const auto status = load_there(elf, start, memory_there, there);
  if (!here && status != HERMIT_ENTRY_PEER_OK) return {Outcome::both_refuse};
  if (!here) return {Outcome::refused_here, std::string{here.error().name()}};
  if (status != HERMIT_ENTRY_PEER_OK) return {Outcome::refused_there, name(status)};

  if (auto result = compare_loaded(*here, there)) return *result;
  const auto [differs_here, differs_there] = std::ranges::mismatch(memory_here, memory_there);
  if (differs_here == memory_here.end()) return {Outcome::agree};
  return differ(
      kDifferencesOfMemory, kernel,
      fmt::format("loaded at {:#x}, the byte at offset {:#x}", start.value, differs_here - memory_here.begin()));
}

// Whether hermit-entry loads a file that this library does not parse.
auto loads_there(std::span<const std::byte> elf, const hermit_entry_peer_kernel& there, GuestAddress start) -> bool {
  if (there.mem_size > kMostMemory) return true;  // too large to check
  std::vector<std::byte> memory(there.mem_size);
  hermit_entry_peer_loaded loaded;
  if (there.has_start_addr) start = {there.start_addr};
  return load_there(elf, start, memory, loaded) == HERMIT_ENTRY_PEER_OK;
}

}  // namespace

auto compare(std::span<const std::byte> elf, std::span<const GuestAddress> starts) -> Comparison {
  hermit_entry_peer_kernel there;
  const auto status = parse_there(elf, there);
  const auto here = KernelObject::parse(elf);
  if (!here) {
    if (status != HERMIT_ENTRY_PEER_OK || !loads_there(elf, there, starts.front())) return {Outcome::both_refuse};
    return {Outcome::refused_here, std::string{here.error().name()}};
  }
  if (status != HERMIT_ENTRY_PEER_OK) return {Outcome::refused_there, name(status)};

  if (auto result = compare_parsed(*here, there)) return *result;
  if (here->mem_size() > kMostMemory) return {Outcome::agree_unloaded};
  if (const auto start = here->start_addr()) return compare_load(*here, *start);
  Comparison result;
  for (const auto start : starts) {
    result = compare_load(*here, start);
    if (result.outcome != Outcome::agree) break;
  }
  return result;
}

}  // namespace hermitage::bench
