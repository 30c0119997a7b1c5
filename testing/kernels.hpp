// Hermit kernels to test and measure with: right ones, odd ones, wrong ones. They hold a few instructions that
// halt the machine, and are not for running.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hermitage/entry/arch.hpp"
#include "hermitage/entry/problem.hpp"
#include "testing/elf_writer.hpp"

namespace hermitage::testing {

// What Hermit kernels are built for.
struct Target {
  std::string_view name;
  entry::Arch arch = entry::Arch::x86_64;
  entry::Endian endian = entry::Endian::little;
};

inline constexpr Target kTargets[] = {
    {"x86_64", entry::Arch::x86_64, entry::Endian::little},
    {"aarch64", entry::Arch::aarch64, entry::Endian::little},
    {"aarch64_be", entry::Arch::aarch64, entry::Endian::big},
    {"riscv64", entry::Arch::riscv64, entry::Endian::little},
};

// The numbers of the relocations that a Hermit kernel may have, by the psABI of the architecture.
struct RelocationTypes {
  std::uint32_t relative = 0;
  std::uint32_t absolute64 = 0;
  std::optional<std::uint32_t> glob_dat = std::nullopt;  // riscv64 has none
};

[[nodiscard]] auto relocation_types(entry::Arch arch) -> RelocationTypes;

// A small kernel with everything that a right one has, to be changed at will: segments[0] is its code, with the
// entry point at its beginning, segments[1] its data and zeros (with the TLS image), both on pages of their own;
// entry version 4, Hermit version 0.11.0, Uhyve interface 2; a function symbol at the entry point; no executable
// stack. A relocatable one has a few relative relocations, into the data; a fixed one lies above 4 GiB.
[[nodiscard]] auto minimal_kernel(entry::Arch arch, entry::Endian endian, bool is_relocatable) -> Elf;

struct NamedKernel {
  std::string name;  // unique, of letters, digits, '-' and '_'
  std::vector<std::byte> bytes;
  // Whether parsing, and loading at any address that suits the kernel, succeed. If not, what they fail with.
  bool loadable = true;
  std::optional<entry::ProblemCode> error = std::nullopt;
  // What the kernel is an example of, among the things that are odd but no errors.
  std::optional<entry::ProblemCode> oddity = std::nullopt;
};

// Kernels of every target and kind, and at least one for each error of parsing and relocating. A name that
// begins with "odd-" or "wrong-" goes on with the name of the problem. "empty_application" is what a Hermit
// application without a boot feature links to. The others are right; odd at most in having DT_RELR.
// None that can be loaded takes more than about 16 MiB of memory.
[[nodiscard]] auto sample_kernels() -> std::vector<NamedKernel>;

// A right kernel that is different for each seed, and the same on every machine: segments, sizes, gaps, notes,
// thread-local storage, symbols, relocations, tables, order in the file, ET_DYN or ET_EXEC. No DT_RELR unless
// asked for, since hermit-entry does not apply it, and all notes in one segment, since it reads but one.
[[nodiscard]] auto random_kernel(std::uint64_t seed, entry::Arch arch, entry::Endian endian, bool with_relr = false)
    -> std::vector<std::byte>;

// An x86_64 kernel with one segment of about size_bytes of data that lies on pages in the file as it does in
// memory, and up to 4096 relative relocations on at most one in a hundred of these pages, but at least on one.
[[nodiscard]] auto large_kernel(std::uint64_t size_bytes) -> std::vector<std::byte>;

// An x86_64 kernel with `count` relative relocations for as many contiguous 8-byte places, in order.
[[nodiscard]] auto many_relocations_kernel(std::uint64_t count) -> std::vector<std::byte>;

}  // namespace hermitage::testing
