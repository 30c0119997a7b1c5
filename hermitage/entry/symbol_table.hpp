// A symbol table with the names of its symbols.
#pragma once

#include <cstdint>
#include <string_view>

#include "hermitage/entry/elf.hpp"
#include "hermitage/entry/table.hpp"
#include "hermitage/entry/text.hpp"

namespace hermitage::entry {

class SymbolTable {
 public:
  constexpr SymbolTable() noexcept = default;
  constexpr SymbolTable(Table<elf::Symbol> symbols, ByteView names) noexcept : symbols_{symbols}, names_{names} {}

  [[nodiscard]] constexpr auto symbols() const noexcept -> Table<elf::Symbol> { return symbols_; }
  [[nodiscard]] constexpr auto size() const noexcept -> std::size_t { return symbols_.size(); }
  [[nodiscard]] constexpr auto empty() const noexcept -> bool { return symbols_.empty(); }

  // All names, each with a NUL at its end.
  [[nodiscard]] constexpr auto names() const noexcept -> ByteView { return names_; }

  // The symbol's name as in the file (mangled). Empty if the file has none for it.
  [[nodiscard]] auto name(const elf::Symbol& symbol) const noexcept -> std::string_view {
    return string_at(names_, symbol.name);
  }

  // The string from `offset` to its NUL (or to the end) in a string table.
  [[nodiscard]] static auto string_at(ByteView strings, std::uint64_t offset) noexcept -> std::string_view {
    const auto text = strings.clamped_slice(offset, UINT64_MAX).text();
    return {text.data(), index_of(text, '\0')};
  }

 private:
  Table<elf::Symbol> symbols_;
  ByteView names_;
};

}  // namespace hermitage::entry
