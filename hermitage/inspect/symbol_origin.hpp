// Which function and which crate the symbols of a file belong to.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "hermitage/inspect/budget.hpp"

namespace hermitage::inspect {

// The crate of a codegen unit, as rustc names its object files: "hermit.63f06f25274a61db-cgu.09" is of "hermit". Empty
// for other files.
[[nodiscard]] auto crate_of_unit(std::string_view file) -> std::string_view;

// Takes all symbols first, then tells: what is a crate in one name is seen by others.
class SymbolOrigins {
 public:
  // What does not fit in the budget is of kOthers.
  explicit SymbolOrigins(Budget& budget) : budget_{budget} {}

  // A symbol's name as it stands in the file, and the file that the linker had it from; empty when nothing says so.
  // Returns the symbol's number. Both names are copied.
  auto add(std::string_view name, std::string_view file) -> std::uint32_t;

  // Once, when all are there.
  void finish();

  // A demangled path as function_path() has it, without the prefix of Hermit's kernel library; a name of C or C++; or
  // kConstants.
  [[nodiscard]] auto function(std::uint32_t symbol) const -> std::string_view;
  // Of Rust names, the crate. kCppNames for C++. For names that are not mangled, the crate of the codegen unit, or else
  // kCNames. kUnknown when nothing says which.
  [[nodiscard]] auto crate(std::uint32_t symbol) const -> std::string_view;
  // When nothing says which, kNoFile and the crate.
  [[nodiscard]] auto file(std::uint32_t symbol) const -> std::string;

 private:
  enum class Kind : std::uint8_t { rust, cpp, plain, constant, other };

  struct Symbol {
    std::uint32_t path = 0;
    std::uint32_t file = 0;
    Kind kind = Kind::other;
  };

  // Strings, each once, with a number.
  using Numbers = std::map<std::string, std::uint32_t, std::less<>>;

  auto number_of(std::string_view text) -> std::uint32_t;
  [[nodiscard]] auto path_of(std::string_view name, Kind& kind) -> std::string;

  Budget& budget_;
  std::vector<Symbol> symbols_;
  Numbers numbers_;
  std::vector<std::string_view> strings_;  // keys of numbers_
  std::uint64_t work_ = 0;                 // bytes that demangling has made
  bool has_kernel_prefix_ = false;
  std::set<std::string_view> crates_;
  std::set<std::string_view> modules_;  // of the kernel
};

}  // namespace hermitage::inspect
