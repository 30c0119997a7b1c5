// Numbers and names in readable form.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "hermitage/entry/elf.hpp"

namespace hermitage::inspect {

// "640 bytes", "625.5 KiB", "64 MiB": powers of 1024, with at most one digit after the point.
[[nodiscard]] auto human_size(std::uint64_t bytes) -> std::string;

// "template of 32 bytes and 97 zeros": what each thread's copy of a TLS segment begins with, and what follows. 0 zeros
// if a malformed segment has more bytes in the file than in memory.
[[nodiscard]] auto tls_size_text(std::uint64_t file_size, std::uint64_t memory_size) -> std::string;

// "0x40000"
[[nodiscard]] auto hex(std::uint64_t value) -> std::string;

// Returns the text with \xNN for each byte that could control a terminal or that is not UTF-8.
[[nodiscard]] auto printable(std::string_view text) -> std::string;

// Returns the printable text, with entities for the special characters of XML.
[[nodiscard]] auto escape_xml(std::string_view text) -> std::string;

// Returns the printable text. If it has more characters (code points), returns `characters` - 1 of them and "…".
[[nodiscard]] auto cut_printable(std::string_view text, std::size_t characters) -> std::string;

// "PT_LOAD" …, or "0x6fffffff" for an unknown type.
[[nodiscard]] auto segment_type_name(std::uint32_t type) -> std::string;

// "r-x"
[[nodiscard]] auto flags_text(std::uint32_t segment_flags) -> std::string;

}  // namespace hermitage::inspect
