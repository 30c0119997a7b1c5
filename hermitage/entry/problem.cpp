#include "hermitage/entry/problem.hpp"

#include "hermitage/entry/build.hpp"
#include "hermitage/entry/elf.hpp"
#include "hermitage/entry/format.hpp"

namespace hermitage::entry {
namespace {

struct Description {
  Severity severity;
  std::string_view name;
  // {index}, {expected}, {found}, {offset} are placeholders for the problem's numbers; {x:…} is hexadecimal.
  std::string_view text;
};

// The description of a warning or an info.
constexpr auto odd(Severity severity, std::string_view name, std::string_view text) noexcept -> Description {
  return {severity, name, kHasWordsForOddities ? text : std::string_view{}};
}

// A switch, not a table: the compiler then reports each code without a description.
constexpr auto describe(ProblemCode code) noexcept -> Description {
  using enum ProblemCode;
  using enum Severity;
  switch (code) {
    case not_elf: return {error, "not_elf", "not an ELF file"};
    case packed_image:
      return {error, "packed_image",
              "gzip data, possibly a packed Hermit image: open it as an image, and load its kernel"};
    case truncated_header:
      return {error, "truncated_header", "the file ends after {found} bytes, within the ELF header of {expected}"};
    case not_64_bit: return {error, "not_64_bit", "not a 64-bit ELF file (EI_CLASS is {found}, not {expected})"};
    case unknown_byte_order:
      return {error, "unknown_byte_order", "the byte order is neither little nor big endian (EI_DATA is {found})"};

    case unsupported_type:
      return {error, "unsupported_type", "neither an executable nor a shared object (e_type is {found}, not 2 or 3)"};
    case unsupported_machine:
      return {error, "unsupported_machine", "not for x86_64, aarch64 or riscv64 (e_machine is {found})"};
    case unsupported_byte_order:
      return {error, "unsupported_byte_order", "Hermit has no big-endian port for this architecture"};

    case segment_entry_size:
      return {error, "segment_entry_size", "program headers are {found} bytes each instead of {expected}"};
    case segment_table_outside_file:
      return {error, "segment_table_outside_file",
              "the program headers end at {x:expected}, after the end of the file at {x:found}"};
    case no_load_segment: return {error, "no_load_segment", "no PT_LOAD segment: there is nothing to load"};
    case segment_outside_file:
      return {error, "segment_outside_file",
              "the file ends at {x:found}, before segment {index}, which has {x:expected} bytes from {x:offset}"};
    case segment_size:
      return {error, "segment_size",
              "segment {index} has more bytes in the file ({x:found}) than in memory ({x:expected})"};
    case segment_address_overflow:
      return {error, "segment_address_overflow", "the end of segment {index} at {x:found} exceeds 64 bits"};
    case segment_order:
      return {error, "segment_order",
              "segment {index} begins at {x:found}, before the end of the previous segment at {x:expected}"};
    case first_segment_not_at_zero:
      return {error, "first_segment_not_at_zero",
              "the first PT_LOAD segment of a relocatable kernel begins at {x:found} instead of 0"};
    case empty_image: return {error, "empty_image", "the PT_LOAD segments take no memory"};
    case tls_size:
      return {error, "tls_size", "PT_TLS has more bytes in the file ({x:found}) than in memory ({x:expected})"};
    case tls_outside_image:
      return {error, "tls_outside_image", "the TLS template at {x:found} is outside of the loaded image"};

    case empty_application:
      return {error, "empty_application",
              "an empty program: build the application with the feature `loader` or `uhyve` of the crate hermit"};
    case no_note_segment:
      return {error, "no_note_segment", "no PT_NOTE segment, which declares the entry version of a Hermit kernel"};
    case note_segment_outside_file:
      return {error, "note_segment_outside_file",
              "the file ends at {x:found}, before PT_NOTE segment {index}, which has {x:expected} bytes from "
              "{x:offset}"};
    case note_segments_overlap:
      return {error, "note_segments_overlap", "the PT_NOTE segments together have more bytes than the file"};
    case malformed_note:
      return {error, "malformed_note", "PT_NOTE segment {index} has a truncated note, or an invalid alignment"};
    case no_hermit_note:
      return {error, "no_hermit_note", "no HERMIT note: not a Hermit kernel, or a kernel that boots without a loader"};
    case entry_version:
      return {error, "entry_version",
              "made for Hermit entry version {found}, but loaders support version {expected}; rebuild it with a "
              "current Hermit kernel"};
    case malformed_uhyve_note:
      return {error, "malformed_uhyve_note", "the UHYVEIF note has {found} bytes instead of {expected}"};

    case dynamic_segment_outside_file:
      return {error, "dynamic_segment_outside_file",
              "the file ends at {x:found}, before PT_DYNAMIC, which has {x:expected} bytes from {x:offset}"};
    case linked_dynamically:
      return {error, "linked_dynamically", "linked against shared libraries (DT_NEEDED); link it statically"};
    case implicit_addends:
      return {error, "implicit_addends", "has relocations without addends (DT_REL), which Hermit does not use"};
    case relocation_entry_size:
      return {error, "relocation_entry_size",
              "entries of a relocation or symbol table have {found} bytes, not {expected}"};
    case relocation_table_size:
      return {error, "relocation_table_size",
              "a relocation table of {found} bytes is not a multiple of the entry size of {expected}"};
    case relocations_outside_file:
      return {error, "relocations_outside_file",
              "a relocation table at {x:found} with {x:expected} bytes is not in the file part of one segment"};
    case symbols_outside_file:
      return {error, "symbols_outside_file",
              "the dynamic symbols at {x:found} are not in the file part of any segment"};

    case unsupported_relocation:
      return {error, "unsupported_relocation", "relocation {index} is of type {found}, which Hermit does not use"};
    case relocation_outside_memory:
      return {error, "relocation_outside_memory",
              "relocation {index} writes at {x:found}, outside of the image of {x:expected} bytes"};
    case relocation_symbol:
      return {error, "relocation_symbol",
              "relocation {index} refers to symbol {found}, but there are {expected} dynamic symbols"};
    case relocation_addend:
      return {error, "relocation_addend", "relocation {index} is a GLOB_DAT with addend {x:found}, which must be 0"};
    case malformed_relr:
      return {error, "malformed_relr", "the DT_RELR table begins with a bitmap instead of an address"};
    case more_relocation_problems:
      return {error, "more_relocation_problems", "{found} more relocations cannot be applied"};

    case memory_size: return {error, "memory_size", "the kernel takes exactly {expected} bytes of memory, not {found}"};
    case start_address:
      return {error, "start_address", "a fixed kernel, linked at {x:expected}, cannot be loaded at {x:found}"};
    case address_overflow:
      return {error, "address_overflow", "loaded at {x:found}, the end of the image would exceed 64 bits"};
    case page_size: return {error, "page_size", "a page size of {found} bytes is not a power of two of at least 8"};
    case page_flags_size:
      return {error, "page_flags_size", "{expected} pages need {expected} flags, but there are {found}"};

    case boots_by_pvh: return odd(info, "boots_by_pvh", "has a Xen PVH note: PVH can boot it without a Hermit loader");
    case os_abi:
      return odd(warning, "os_abi", "the operating system ABI is {found} instead of {expected} (standalone)");
    case elf_version: return odd(warning, "elf_version", "the ELF version is {found} instead of {expected}");
    case no_abi_tag: return odd(info, "no_abi_tag", "no Hermit version (no ABI tag), as in kernels before 0.10");
    case malformed_abi_tag:
      return odd(warning, "malformed_abi_tag",
                 "the GNU ABI tag has {found} bytes instead of {expected} and is ignored");
    case unknown_uhyve_interface:
      return odd(warning, "unknown_uhyve_interface",
                 "needs Uhyve interface {found}; the newest known one is {expected}");
    case no_uhyve_interface:
      return odd(warning, "no_uhyve_interface",
                 "built without the Hermit kernel's feature `uhyve` (no UHYVEIF note in version 0.12 or later): boot "
                 "it with a boot loader");
    case fixed_below_4_gib:
      return odd(warning, "fixed_below_4_gib",
                 "linked at {x:found}, but Uhyve interface {expected} places guests at 4 GiB and above");
    case note_in_later_segment:
      return odd(warning, "note_in_later_segment",
                 "the HERMIT note is in PT_NOTE segment {index}; hermit-entry reads only the first");
    case entry_outside_code:
      return odd(warning, "entry_outside_code", "the entry point {x:found} is not in an executable segment");
    case writable_code: return odd(warning, "writable_code", "segment {index} is both writable and executable");
    case executable_stack: return odd(warning, "executable_stack", "asks for an executable stack (PT_GNU_STACK)");
    case segment_alignment:
      return odd(warning, "segment_alignment", "the alignment {x:found} of segment {index} is not a power of two");
    case segment_not_mappable:
      return odd(info, "segment_not_mappable",
                 "segment {index} is not aligned to pages in the file as in memory, so it must be copied");
    case relr_relocations:
      return odd(info, "relr_relocations",
                 "has DT_RELR relocations, which hermit-entry up to 0.10 does not apply, so the kernel fails there");
    case ignored_plt_relocations:
      return odd(warning, "ignored_plt_relocations",
                 "has {found} bytes of PLT relocations (DT_JMPREL), which no Hermit loader applies");
    case undefined_symbol:
      return odd(warning, "undefined_symbol",
                 "relocation {index} refers to the undefined symbol {found}, whose value is taken as 0");
    case section_table_outside_file:
      return odd(warning, "section_table_outside_file",
                 "the section headers end at {x:expected}, after the end of the file at {x:found}");
    case left_out:
      return odd(info, "left_out",
                 "{found} entries or names are omitted, because they would take many times the file's size");
  }
  return {error, "unknown", "unknown problem"};
}

// Appends the number for a placeholder (without its braces).
void append_value(Message& message, std::string_view placeholder, const Problem& problem) noexcept {
  const bool hex = placeholder.starts_with("x:");
  if (hex) placeholder.remove_prefix(2);
  const auto value = placeholder == "index"      ? problem.index
                     : placeholder == "expected" ? problem.expected
                     : placeholder == "found"    ? problem.found
                                                 : problem.offset.value_or(0);
  hex ? message.append_hex(value) : message.append_decimal(value);
}

void append_advice(Message& message, Format format) noexcept {
  if (!advice(format).empty()) message.append("; ").append(advice(format));
}

}  // namespace

auto Problem::severity() const noexcept -> Severity {
  return describe(code).severity;
}

auto Problem::name() const noexcept -> std::string_view {
  return describe(code).name;
}

auto Problem::message() const noexcept -> Message {
  Message message;
  // A boot loader detects no other formats, and omits their names.
  const auto format = static_cast<Format>(found);
  const bool is_other_format = !kIsForBootLoader && code == ProblemCode::not_elf && format != Format::unknown;
  if (is_other_format) message.append(description(format)).append(", ");
  auto text = describe(code).text;
  for (auto open = index_of(text, '{'); open < text.size(); open = index_of(text, '{')) {
    const auto close = index_of(text, '}');
    message.append(std::string_view{text.data(), open});
    append_value(message, {text.data() + open + 1, close - open - 1}, *this);
    text.remove_prefix(close + 1);
  }
  message.append(text);
  if (is_other_format) append_advice(message, format);
  if (!kIsForBootLoader && code == ProblemCode::not_64_bit && found == elf::kClass32) {
    append_advice(message, Format::elf32);
  }
  return message;
}

auto name(Severity severity) noexcept -> std::string_view {
  switch (severity) {
    case Severity::info: return "info";
    case Severity::warning: return "warning";
    case Severity::error: return "error";
  }
  return "unknown";
}

}  // namespace hermitage::entry
