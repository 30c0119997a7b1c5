#include "hermitage/oci/image/reference.hpp"

#include <algorithm>

namespace hermitage::oci {
namespace {

constexpr std::size_t kMaxName = 255;
constexpr std::size_t kMaxTag = 128;

auto is_digit(char c) -> bool {
  return c >= '0' && c <= '9';
}

auto is_lower(char c) -> bool {
  return (c >= 'a' && c <= 'z') || is_digit(c);
}

auto is_letter(char c) -> bool {
  return is_lower(c) || (c >= 'A' && c <= 'Z');
}

auto is_tag(std::string_view tag) -> bool {
  if (tag.empty() || tag.size() > kMaxTag || tag.front() == '.' || tag.front() == '-') return false;
  return std::ranges::all_of(tag, [](char c) { return is_letter(c) || c == '_' || c == '.' || c == '-'; });
}

// A component of a path: letters and digits, with separators between them, "." or "_" or "__" or any number of "-".
auto is_component(std::string_view part) -> bool {
  if (part.empty() || !is_lower(part.front()) || !is_lower(part.back())) return false;
  for (std::size_t i = 0; i < part.size();) {
    if (is_lower(part[i])) {
      ++i;
      continue;
    }
    const auto end = std::min(part.find_first_not_of(part[i], i), part.size());
    const auto count = end - i;
    const bool is_separator = part[i] == '-' || (part[i] == '.' && count == 1) || (part[i] == '_' && count <= 2);
    if (!is_separator || !is_lower(part[end])) return false;
    i = end;
  }
  return true;
}

// HOST[:PORT], which has a dot or a port, or is localhost.
auto is_registry(std::string_view part) -> bool {
  const auto colon = part.find(':');
  const auto host = part.substr(0, colon);
  const bool has_port = colon != std::string_view::npos;
  if (host.empty() || (!has_port && host.find('.') == std::string_view::npos && host != "localhost")) return false;
  if (has_port && (colon + 1 == part.size() || !std::ranges::all_of(part.substr(colon + 1), is_digit))) return false;
  if (host.front() == '.' || host.front() == '-' || host.back() == '.' || host.back() == '-') return false;
  return host.find("..") == std::string_view::npos &&
         std::ranges::all_of(host, [](char c) { return is_letter(c) || c == '.' || c == '-'; });
}

auto is_path(std::string_view path) -> bool {
  for (;;) {
    const auto slash = path.find('/');
    if (!is_component(path.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

auto refuse(std::string_view text, std::string_view why) -> std::unexpected<std::string> {
  return std::unexpected{std::string{"'"}.append(text).append("': ").append(why)};
}

}  // namespace

auto full_reference(std::string_view text) -> std::expected<std::string, std::string> {
  auto name = text;
  std::string tag = "latest";
  const auto colon = text.rfind(':');
  if (colon != std::string_view::npos && text.find('/', colon) == std::string_view::npos) {
    name = text.substr(0, colon);
    tag = text.substr(colon + 1);
    if (!is_tag(tag)) return refuse(text, "the tag is not one of letters, digits, '_', '.' and '-', at most 128");
  }
  const auto slash = name.find('/');
  const bool has_registry = slash != std::string_view::npos && is_registry(name.substr(0, slash));
  const auto path = has_registry ? name.substr(slash + 1) : name;
  if (!is_path(path)) return refuse(text, "not a name such as app:v1 or registry.example/app:v1, in lower case");
  auto full = std::string{has_registry ? "" : "localhost/"}.append(name);
  if (full.size() > kMaxName) return refuse(text, "longer than the limit of 255 characters");
  return full.append(":").append(tag);
}

}  // namespace hermitage::oci
