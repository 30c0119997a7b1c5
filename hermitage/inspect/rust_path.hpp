// The crate and the function of a demangled Rust name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hermitage::inspect {

// The way in which rustc mangles a path. Only v0 names contain generic arguments.
enum class Mangling : bool { legacy, v0 };

// The function of a demangled Rust name: for a v0 name, without generic arguments (`f::<u8>` → `f`); for a closure
// and for items in it, the enclosing function (`f::{{closure}}::g` → `f`).
[[nodiscard]] auto function_path(std::string_view demangled, Mangling mangling) -> std::string;

// The crate of a Rust path: its first segment. For `<T as Trait>::f`, it is the crate of the type, or that of the
// trait if the type is built in, is of core, alloc or std, or is a generic parameter. Empty if the path names no
// crate, such as `main`.
[[nodiscard]] auto crate_of(std::string_view path) -> std::string_view;

// The crates of all paths inside a path, such as those of the types in `<a::T as b::U<c::V>>::f`. Does not include
// the crate at the beginning of the path itself.
[[nodiscard]] auto crates_within(std::string_view path) -> std::vector<std::string_view>;

// Returns `path` without `hermit::` if that can be the prefix that Hermit's build adds to all names of the kernel's
// library: the first segment after `hermit::` must be a known crate. Otherwise returns `path`.
template <class IsCrate>
[[nodiscard]] auto without_kernel_prefix(std::string_view path, IsCrate is_crate) -> std::string_view {
  constexpr std::string_view kPrefix = "hermit::";
  if (!path.starts_with(kPrefix)) return path;
  const auto rest = path.substr(kPrefix.size());
  if (rest.starts_with('<')) return rest;
  const auto end = rest.find("::");
  return end != std::string_view::npos && is_crate(rest.substr(0, end)) ? rest : path;
}

}  // namespace hermitage::inspect
