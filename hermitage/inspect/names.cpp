#include "hermitage/inspect/names.hpp"

#include <iterator>

#include <fmt/format.h>

namespace hermitage::inspect {

auto shortened(std::string_view name) -> std::string {
  if (name.size() <= kMaxName) return std::string{name};
  return fmt::format("{}… ({} bytes)", name.substr(0, kMaxName), name.size());
}

auto StringTable::at(std::uint64_t offset) -> std::string_view {
  if (offset >= table_.size()) return {};
  const auto rest = table_.substr(offset);
  const auto size = rest.substr(0, kMaxName + 1).find('\0');
  if (size != std::string_view::npos) return rest.substr(0, size);
  return rest.substr(0, end_of_long(offset) - offset);
}

// A string that begins inside another ends with it.
auto StringTable::end_of_long(std::size_t offset) -> std::size_t {
  const auto next = long_.upper_bound(offset);
  if (next != long_.begin() && offset < std::prev(next)->second) return std::prev(next)->second;
  const auto known = next == long_.end() ? table_.size() : next->first;
  const auto size = table_.substr(offset, known - offset).find('\0');
  const bool runs_on = size == std::string_view::npos;
  const auto end = !runs_on ? offset + size : next == long_.end() ? known : next->second;
  if (runs_on && next != long_.end()) long_.erase(next);
  long_.emplace(offset, end);
  return end;
}

}  // namespace hermitage::inspect
