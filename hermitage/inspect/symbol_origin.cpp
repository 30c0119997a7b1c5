#include "hermitage/inspect/symbol_origin.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include <fmt/format.h>

#include "hermitage/inspect/demangle.hpp"
#include "hermitage/inspect/names.hpp"
#include "hermitage/inspect/rust_path.hpp"
#include "hermitage/inspect/sizes.hpp"

namespace hermitage::inspect {
namespace {

// Hermit's build adds this prefix to names of the kernel's library, except to mangled legacy Rust names.
constexpr std::string_view kPrefix = "hermit_";
constexpr std::string_view kKernel = "hermit";
constexpr std::string_view kTwice = "hermit::hermit::";

auto is_hex(std::string_view text) -> bool {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// "…17h0123456789abcdefE" of a legacy name, or "_R" of a v0 name.
auto is_rust_name(std::string_view name) -> bool {
  constexpr std::string_view kHash = "17h";
  constexpr std::size_t kDigits = 16;
  if (name.starts_with("_R")) return true;
  if (!name.starts_with("_ZN")) return false;
  const auto at = name.rfind(kHash);
  if (at == std::string_view::npos) return false;
  const auto digits = name.substr(at + kHash.size(), kDigits);
  return digits.size() == kDigits && is_hex(digits) && name.substr(at + kHash.size() + kDigits).starts_with('E');
}

// The names that LLVM and rustc give to unnamed constants.
auto is_constant_name(std::string_view name) -> bool {
  constexpr std::array<std::string_view, 5> kBeginnings{"anon.", "str.", "vtable.", "switch.table.", ".L"};
  if (std::ranges::any_of(kBeginnings, [name](auto beginning) { return name.starts_with(beginning); })) return true;
  constexpr std::string_view kAllocation = "alloc_";  // followed by a hash
  return name.starts_with(kAllocation) && name.size() >= kAllocation.size() + 32 &&
         is_hex(name.substr(kAllocation.size(), 32));
}

}  // namespace

auto crate_of_unit(std::string_view file) -> std::string_view {
  const auto unit = file.find("-cgu.");
  if (unit == std::string_view::npos) return {};
  const auto hash = file.substr(0, unit).rfind('.');
  if (hash == std::string_view::npos) return {};
  const auto name = file.substr(0, hash);
  return name.substr(name.rfind('/') + 1);
}

auto SymbolOrigins::number_of(std::string_view text) -> std::uint32_t {
  const auto known = numbers_.find(text);
  if (known != numbers_.end()) return known->second;
  const auto number = static_cast<std::uint32_t>(strings_.size());
  strings_.push_back(numbers_.emplace(std::string{text}, number).first->first);
  return number;
}

// A short name can expand to a long one. A failed demangling can take as much time as the longest successful one.
auto SymbolOrigins::path_of(std::string_view name, Kind& kind) -> std::string {
  constexpr std::uint64_t kMaxWork = 1 << 30;
  constexpr std::uint64_t kWorkOfFailure = 64 << 10;
  const auto own = name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : name;
  kind = Kind::constant;
  if (name.empty() || is_constant_name(own)) return std::string{kConstants};
  const auto mangled = own.starts_with("_R") ? own : name;
  kind = Kind::plain;
  if (name.size() > kMaxName || work_ >= kMaxWork) return shortened(name);
  const bool looks_mangled = mangled.starts_with("_R") || mangled.starts_with("_Z");
  if (!looks_mangled) return std::string{name};
  auto demangled = demangle(mangled);
  const bool has_failed = demangled == mangled;
  work_ += has_failed ? kWorkOfFailure : demangled.size();
  if (has_failed) return std::string{name};
  kind = is_rust_name(mangled) ? Kind::rust : Kind::cpp;
  if (kind == Kind::cpp) return shortened(demangled);
  return shortened(function_path(demangled, mangled.starts_with("_R") ? Mangling::v0 : Mangling::legacy));
}

auto SymbolOrigins::add(std::string_view name, std::string_view file) -> std::uint32_t {
  const auto symbol = static_cast<std::uint32_t>(symbols_.size());
  symbols_.emplace_back();
  if (!budget_.take(sizeof(Symbol))) return symbol;
  Kind kind{};
  const auto path = path_of(name, kind);
  const auto file_name = shortened(file);
  constexpr std::size_t kNode = sizeof(Numbers::value_type) + 4 * sizeof(void*) + sizeof(std::string_view);
  const auto cost_of = [this](const std::string& text) { return numbers_.contains(text) ? 0 : kNode + text.size(); };
  if (!budget_.take(cost_of(path) + cost_of(file_name))) return symbol;
  symbols_[symbol] = {.path = number_of(path), .file = number_of(file_name), .kind = kind};
  return symbol;
}

void SymbolOrigins::finish() {
  crates_ = {"core", "alloc", "std"};
  for (const auto& symbol : symbols_) {
    if (symbol.kind == Kind::other) continue;
    if (const auto crate = crate_of_unit(strings_[symbol.file]); !crate.empty()) crates_.insert(crate);
    if (symbol.kind != Kind::rust) continue;
    const auto path = strings_[symbol.path];
    for (const auto crate : crates_within(path)) crates_.insert(crate);
    if (path.starts_with(kTwice)) {
      has_kernel_prefix_ = true;
      const auto rest = path.substr(kTwice.size());
      modules_.insert(rest.substr(0, rest.find("::")));
    } else if (const auto crate = crate_of(path); !crate.empty()) {
      crates_.insert(crate);
    }
  }
}

auto SymbolOrigins::function(std::uint32_t symbol) const -> std::string_view {
  const auto& [path, file, kind] = symbols_[symbol];
  if (kind == Kind::other) return kOthers;
  if (kind != Kind::rust || !has_kernel_prefix_) return strings_[path];
  return without_kernel_prefix(strings_[path], [this](std::string_view name) {
    return name == kKernel || (crates_.contains(name) && !modules_.contains(name));
  });
}

auto SymbolOrigins::crate(std::uint32_t symbol) const -> std::string_view {
  const auto& [path, file, kind] = symbols_[symbol];
  if (kind == Kind::other) return kOthers;
  if (kind == Kind::cpp) return kCppNames;
  if (kind == Kind::rust) {
    if (const auto crate = crate_of(function(symbol)); !crate.empty()) return crate;
  }
  if (const auto crate = crate_of_unit(strings_[file]); !crate.empty()) return crate;
  return kind == Kind::plain ? kCNames : kUnknown;
}

auto SymbolOrigins::file(std::uint32_t symbol) const -> std::string {
  const auto& [path, file, kind] = symbols_[symbol];
  if (kind == Kind::other) return std::string{kOthers};
  if (!strings_[file].empty()) return std::string{strings_[file]};
  return fmt::format("{} {}", kNoFile, crate(symbol));
}

}  // namespace hermitage::inspect
