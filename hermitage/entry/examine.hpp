// The one gate: every check that makes a file a Hermit kernel, and what the checks learn on the way.
#pragma once

#include <cstdint>
#include <optional>

#include "hermitage/entry/arch.hpp"
#include "hermitage/entry/elf_file.hpp"
#include "hermitage/entry/problem.hpp"
#include "hermitage/entry/version.hpp"

namespace hermitage::entry {

// What a file says of itself. When `examine` reported no error, everything that is not a matter of choice
// (hermit_version, uhyve_interface, tls) is there; otherwise, what could be found out.
struct KernelFacts {
  std::optional<Arch> arch;
  bool is_relocatable = false;
  std::optional<std::uint8_t> entry_version;
  std::optional<HermitVersion> hermit_version;
  std::optional<UhyveInterfaceVersion> uhyve_interface;  // as the note says; nothing without a note
  std::optional<std::uint64_t> first_vaddr;              // of the first PT_LOAD segment
  std::optional<std::uint64_t> mem_size;                 // from there to the end of the last
  std::optional<elf::Segment> tls;
};

// Checks the file's structure and reports every error, as long as the sink wants to hear of more. All checks
// take time linear in the number of segments and notes; relocations are left to `examine_relocations`.
auto examine(const ElfFile& file, ProblemSink sink) noexcept -> KernelFacts;

// Checks that each relocation of a relocatable kernel can be applied, and reports each that cannot. `facts` come
// from `examine`; when it did not learn the architecture and the size, there is nothing to check against.
void examine_relocations(const ElfFile& file, const KernelFacts& facts, ProblemSink sink) noexcept;

// Reports what is odd, but no error (severity warning or info). Never needed for loading.
void examine_oddities(const ElfFile& file, const KernelFacts& facts, ProblemSink sink) noexcept;

}  // namespace hermitage::entry
