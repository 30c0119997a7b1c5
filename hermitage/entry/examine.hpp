// All checks of a kernel file, and the facts that the checks find.
#pragma once

#include <cstdint>
#include <optional>

#include "hermitage/entry/arch.hpp"
#include "hermitage/entry/elf_file.hpp"
#include "hermitage/entry/problem.hpp"
#include "hermitage/entry/version.hpp"

namespace hermitage::entry {

// Facts about a file. If `examine` reported no error, every fact is present except the optional ones (hermit_version,
// uhyve_interface, tls). Otherwise, only the facts that could be found are present.
struct KernelFacts {
  std::optional<Arch> arch;
  bool is_relocatable = false;
  std::optional<std::uint8_t> entry_version;
  std::optional<HermitVersion> hermit_version;
  std::optional<UhyveInterfaceVersion> uhyve_interface;  // from the note; nothing without a note
  std::optional<std::uint64_t> first_vaddr;              // of the first PT_LOAD segment
  std::optional<std::uint64_t> mem_size;                 // in bytes, from there to the end of the last PT_LOAD segment
  std::optional<elf::Segment> tls;
};

// Checks the file's structure and reports every error, until the sink returns false. The checks take time linear in
// the number of segments and notes. `examine_relocations` checks the relocations.
auto examine(const ElfFile& file, ProblemSink sink) noexcept -> KernelFacts;

// Checks that each relocation of a relocatable kernel can be applied, and reports each that cannot. `facts` come from
// `examine`. Without the architecture and the size in `facts`, the function checks nothing.
void examine_relocations(const ElfFile& file, const KernelFacts& facts, ProblemSink sink) noexcept;

// Reports warnings and infos. Loading does not need them.
void examine_oddities(const ElfFile& file, const KernelFacts& facts, ProblemSink sink) noexcept;

}  // namespace hermitage::entry
