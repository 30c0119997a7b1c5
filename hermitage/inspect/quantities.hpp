// Numbers and names as people read them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "hermitage/entry/elf.hpp"

namespace hermitage::inspect {

// "640 bytes", "625.5 KiB", "64 MiB": powers of 1024, at most one digit behind the point.
[[nodiscard]] auto human_size(std::uint64_t bytes) -> std::string;

// "0x40000"
[[nodiscard]] auto hex(std::uint64_t value) -> std::string;

// The text with every byte that could steer a terminal, and every one that is not UTF-8, written as \xNN.
[[nodiscard]] auto printable(std::string_view text) -> std::string;

// The printable text, with the characters that mean something in XML written as entities.
[[nodiscard]] auto escape_xml(std::string_view text) -> std::string;

// The printable text, or, of one with more characters (code points), `characters` - 1 of them and "…".
[[nodiscard]] auto cut_printable(std::string_view text, std::size_t characters) -> std::string;

// "PT_LOAD" … or "0x6fffffff" for a type without a name here.
[[nodiscard]] auto segment_type_name(std::uint32_t type) -> std::string;

// "r-x"
[[nodiscard]] auto flags_text(std::uint32_t segment_flags) -> std::string;

}  // namespace hermitage::inspect
