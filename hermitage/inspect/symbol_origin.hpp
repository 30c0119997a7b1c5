// The function, the crate and the file of symbols.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "hermitage/inspect/budget.hpp"

namespace hermitage::inspect {

// The crate of a codegen unit, from the name of its object file by rustc: "hermit.63f06f25274a61db-cgu.09" is from
// "hermit". Empty for other files.
[[nodiscard]] auto crate_of_unit(std::string_view file) -> std::string_view;

// Collects all symbols before it determines their origins, because the crates in one name help to find those in
// others.
class SymbolOrigins {
 public:
  // Symbols that exceed the budget belong to kOthers.
  explicit SymbolOrigins(Budget& budget) : budget_{budget} {}

  // Adds a symbol with its name in the file, and the file that the linker took it from (empty if unknown). Returns
  // the symbol's number. Copies both names.
  auto add(std::string_view name, std::string_view file) -> std::uint32_t;

  // Call this once, after the last add().
  void finish();

  // A demangled path as from function_path(), without the prefix of Hermit's kernel library; a name of C or C++; or
  // kConstants.
  [[nodiscard]] auto function(std::uint32_t symbol) const -> std::string_view;
  // The crate of a Rust name, or kCppNames for a C++ name. For a name that is not mangled, the crate of the codegen
  // unit, otherwise kCNames. kUnknown if the crate is not known.
  [[nodiscard]] auto crate(std::uint32_t symbol) const -> std::string_view;
  // kNoFile and the crate if the file is not known.
  [[nodiscard]] auto file(std::uint32_t symbol) const -> std::string;

 private:
  enum class Kind : std::uint8_t { rust, cpp, plain, constant, other };

  struct Symbol {
    std::uint32_t path = 0;
    std::uint32_t file = 0;
    Kind kind = Kind::other;
  };

  // Strings with a number. Each string is stored once.
  using Numbers = std::map<std::string, std::uint32_t, std::less<>>;

  auto number_of(std::string_view text) -> std::uint32_t;
  [[nodiscard]] auto path_of(std::string_view name, Kind& kind) -> std::string;

  Budget& budget_;
  std::vector<Symbol> symbols_;
  Numbers numbers_;
  std::vector<std::string_view> strings_;  // keys of numbers_
  std::uint64_t work_ = 0;                 // number of bytes of demangled names
  bool has_kernel_prefix_ = false;
  std::set<std::string_view> crates_;
  std::set<std::string_view> modules_;  // modules of the kernel
};

}  // namespace hermitage::inspect
