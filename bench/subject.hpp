// The measured kernels, and the measured functions.
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

// A kernel with all objects that are necessary to load it, so that no measurement allocates them. All functions use
// the same two buffers, because the speed of pages differs.
struct Subject {
  std::string name;
  bool has_peer;                   // hermit-entry also accepts it
  Mapping source;                  // the bytes of the file; at least mem_size bytes, for copy_as_much()
  std::span<const std::byte> elf;  // the part of `source` that is the file
  entry::KernelObject kernel;
  entry::GuestAddress start;
  Mapping memory;  // mem_size bytes, all touched before
  TemporaryFile file;
  bool is_mappable;  // the page offsets in the file and in memory are the same
};

// Returns the available kernels, and prints a line to stderr for each missing one. Throws if one cannot be loaded.
[[nodiscard]] auto make_subjects() -> std::vector<Subject>;

// The measured functions. They return whether they succeeded.
[[nodiscard]] auto parse_here(const Subject& subject) noexcept -> bool;
[[nodiscard]] auto parse_there(const Subject& subject) noexcept -> bool;
// Parse and load.
[[nodiscard]] auto load_here(const Subject& subject, const Mapping& memory, bool zeroed_memory) noexcept -> bool;
[[nodiscard]] auto load_there(const Subject& subject, const Mapping& memory) noexcept -> bool;
// The same in new memory. Maps the file where that is possible.
[[nodiscard]] auto load_here_by_mapping(const Subject& subject, const Mapping& memory) -> bool;

// The minimum without any checks: copies as many bytes as the loaded kernel has, and stores eight bytes for each
// relocation.
auto copy_as_much(const Subject& subject) noexcept -> bool;
auto store_relocations(const Subject& subject) noexcept -> bool;

// Simulates a guest: reads one byte of each page of its memory, and writes to every tenth page.
auto run_guest(const Mapping& memory) noexcept -> bool;

// Calls all functions once. Throws unless the resulting memory is the same for all.
void check(const Subject& subject);

}  // namespace hermitage::bench
