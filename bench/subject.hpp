// The kernels that are measured, and what is measured of them.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/mapping.hpp"
#include "hermitage/entry/address.hpp"
#include "hermitage/entry/kernel_object.hpp"

namespace hermitage::bench {

inline constexpr std::string_view kLargeKernelName = "large-64MiB";

// A kernel together with everything that is needed to load it, so that no measurement has to get hold of it.
// All read and write the same two buffers: pages are not equally fast, and nobody shall have the better ones.
struct Subject {
  std::string name;
  bool has_peer;                   // hermit-entry takes it, too
  Mapping source;                  // the bytes of the file; at least mem_size bytes, so that as much can be copied
  std::span<const std::byte> elf;  // the part of `source` that is the file
  entry::KernelObject kernel;
  entry::GuestAddress start;
  Mapping memory;  // mem_size bytes, all of them touched before
  TemporaryFile file;
  bool is_mappable;  // the file has pages as they are in memory
};

// The kernels that there are, and one line on stderr for each that is not. Throws when one cannot be loaded.
[[nodiscard]] auto make_subjects() -> std::vector<Subject>;

// The things to measure. They answer whether they succeeded.
[[nodiscard]] auto parse_here(const Subject& subject) noexcept -> bool;
[[nodiscard]] auto parse_there(const Subject& subject) noexcept -> bool;
// Parse and load.
[[nodiscard]] auto load_here(const Subject& subject, const Mapping& memory, bool zeroed_memory) noexcept -> bool;
[[nodiscard]] auto load_there(const Subject& subject, const Mapping& memory) noexcept -> bool;
// The same in fresh memory, into which the file is mapped where that can be done.
[[nodiscard]] auto load_here_by_mapping(const Subject& subject, const Mapping& memory) -> bool;

// What nobody can do without, and not one look at anything: copy as many bytes as the image has, and store eight
// bytes for each relocation.
auto copy_as_much(const Subject& subject) noexcept -> bool;
auto store_relocations(const Subject& subject) noexcept -> bool;

// What a guest might do: reads one byte of each page of its memory, and writes to every tenth page.
auto run_guest(const Mapping& memory) noexcept -> bool;

// Does all of this once. Throws unless all end with the same memory.
void check(const Subject& subject);

}  // namespace hermitage::bench
