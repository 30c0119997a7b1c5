// Problems of a kernel file, or of a caller's request: errors as values.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

#include "hermitage/entry/text.hpp"

namespace hermitage::entry {

enum class Severity : std::uint8_t {
  info,     // useful information
  warning,  // the kernel can be loaded, but may not behave as its author intended
  error,    // the kernel cannot be loaded
};

enum class ProblemCode : std::uint8_t {
  // The file is not an ELF64 file.
  not_elf,  // found: the detected Format
  packed_image,
  truncated_header,
  not_64_bit,
  unknown_byte_order,

  // The file is an ELF64 file, but not for a machine that Hermit supports.
  unsupported_type,
  unsupported_machine,
  unsupported_byte_order,

  // The segments are invalid.
  segment_entry_size,
  segment_table_outside_file,
  no_load_segment,
  segment_outside_file,
  segment_size,
  segment_address_overflow,
  segment_order,
  first_segment_not_at_zero,
  empty_image,
  tls_size,
  tls_outside_image,

  // The file does not declare itself as a Hermit kernel, or the declaration is malformed.
  empty_application,
  no_note_segment,
  note_segment_outside_file,
  note_segments_overlap,
  malformed_note,
  no_hermit_note,
  entry_version,
  malformed_uhyve_note,

  // The dynamic section requires something that a loader does not support.
  dynamic_segment_outside_file,
  linked_dynamically,
  implicit_addends,
  relocation_entry_size,
  relocation_table_size,
  relocations_outside_file,
  symbols_outside_file,

  // A relocation cannot be applied.
  unsupported_relocation,
  relocation_outside_memory,
  relocation_symbol,
  relocation_addend,
  malformed_relr,
  more_relocation_problems,

  // The caller's request does not fit the kernel.
  memory_size,
  start_address,
  address_overflow,
  page_size,
  page_flags_size,

  // Warnings and infos.
  boots_by_pvh,
  os_abi,
  elf_version,
  no_abi_tag,
  malformed_abi_tag,
  unknown_uhyve_interface,
  no_uhyve_interface,
  fixed_below_4_gib,
  note_in_later_segment,
  entry_outside_code,
  writable_code,
  executable_stack,
  segment_alignment,
  segment_not_mappable,
  relr_relocations,
  ignored_plt_relocations,
  undefined_symbol,
  section_table_outside_file,
  left_out,
};

using Message = FixedText<320>;

// One problem: its code, location and values. The code determines which numbers have a meaning. message() describes
// them.
struct Problem {
  ProblemCode code = ProblemCode::not_elf;
  std::optional<std::uint64_t> offset = std::nullopt;  // in the file, in bytes; nothing without a single location
  std::uint64_t index = 0;                             // of the segment, note, relocation …, counted from 0
  std::uint64_t expected = 0;
  std::uint64_t found = 0;

  friend constexpr auto operator==(const Problem&, const Problem&) noexcept -> bool = default;

  [[nodiscard]] auto severity() const noexcept -> Severity;
  // The code's name as in the enum. The names are stable, for scripts.
  [[nodiscard]] auto name() const noexcept -> std::string_view;
  // One sentence for users, without a full stop.
  [[nodiscard]] auto message() const noexcept -> Message;
};

// The error of KernelObject::parse and of loading: a Problem of severity error.
using ParseError = Problem;
using LoadError = Problem;

// The shape of everything that can go wrong in the public interfaces: entry::Problem, entry::BootInfoError,
// image::Problem, vmm::Error, launch::Failure and launch::FileError.
//   code        an enumerator, for programs
//   severity()  errors are of severity error
//   name()      the code as a word: stable, for scripts and logs
//   message()   one line for people, without a full stop. It includes the place, such as a file, if the value has one.
// formatters.hpp formats all of them.
template <class T>
concept AnyProblem = requires(const T& problem) {
  requires std::is_enum_v<std::remove_cvref_t<decltype(problem.code)>>;
  { problem.severity() } noexcept -> std::same_as<Severity>;
  { problem.name() } noexcept -> std::same_as<std::string_view>;
  { problem.message() } -> std::convertible_to<std::string_view>;
};

// "info", "warning" or "error".
[[nodiscard]] auto name(Severity severity) noexcept -> std::string_view;

// Refers to any callable `bool(const Problem&)`. The callable gets one problem at a time, and returns false to get no
// more. It must outlive the sink (as a temporary in the argument of the call it does) and must not throw.
class ProblemSink {
 public:
  template <class Callable>
    requires(!std::same_as<std::remove_cvref_t<Callable>, ProblemSink> &&
             std::predicate<std::remove_reference_t<Callable>&, const Problem&>)
  // NOLINTNEXTLINE(google-explicit-constructor, bugprone-forwarding-reference-overload)
  ProblemSink(Callable&& callable HERMITAGE_LIFETIMEBOUND) noexcept
      : callable_{const_cast<void*>(static_cast<const void*>(&callable))},
        report_{[](void* object, const Problem& problem) noexcept -> bool {
          return (*static_cast<std::remove_reference_t<Callable>*>(object))(problem);
        }} {}

  auto operator()(const Problem& problem) const noexcept -> bool { return report_(callable_, problem); }

 private:
  void* callable_;
  auto (*report_)(void*, const Problem&) noexcept -> bool;
};

}  // namespace hermitage::entry
