#include "hermitage/vmm/hypercalls/trace.hpp"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "hermitage/entry/uhyve_interface.hpp"

namespace hermitage::vmm {

namespace uhyve = entry::uhyve;

auto quoted(std::string_view text) -> std::string {
  std::string result = "\"";
  for (const char character : text.substr(0, kTracedBytes)) {
    const auto byte = static_cast<unsigned char>(character);
    if (character == '\n') {
      result += "\\n";
    } else if (character == '"' || character == '\\') {
      result += {'\\', character};
    } else if (byte < 0x20 || byte >= 0x7f) {
      result += fmt::format("\\x{:02x}", byte);
    } else {
      result += character;
    }
  }
  return result + (text.size() > kTracedBytes ? "\"…" : "\"");
}

auto quoted(const FileResult<std::string>& text) -> std::string {
  return text ? quoted(std::string_view{*text}) : "(no text)";
}

auto quoted(const std::vector<std::string>& texts) -> std::string {
  std::string list;
  for (const auto& text : texts) list += (list.empty() ? "" : ", ") + quoted(std::string_view{text});
  return list;
}

auto flags_text(std::int32_t flags) -> std::string {
  constexpr std::array kNames{std::pair{uhyve::kOpenCreate, "|O_CREAT"}, std::pair{uhyve::kOpenExclusive, "|O_EXCL"},
                              std::pair{uhyve::kOpenTruncate, "|O_TRUNC"}, std::pair{uhyve::kOpenAppend, "|O_APPEND"},
                              std::pair{uhyve::kOpenDirectory, "|O_DIRECTORY"}};
  constexpr std::array kModes{"O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"};
  std::string text = kModes[static_cast<std::size_t>(flags & 3)];
  for (const auto& [flag, name] : kNames) {
    if ((flags & flag) != 0) text += name;
  }
  const auto rest = flags & ~(uhyve::kOpenFlags | 3);
  return rest == 0 ? text : fmt::format("{}|{:#x}", text, rest);
}

}  // namespace hermitage::vmm
