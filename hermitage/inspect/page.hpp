// Output of text for terminals and files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "hermitage/inspect/display.hpp"
#include "hermitage/inspect/sink.hpp"

namespace hermitage::inspect {

enum class Style { heading, good, bad, odd, faint, code, data, constant };

// Returns the text with terminal colours, or unchanged.
[[nodiscard]] auto styled(Colour colour, Style style, std::string_view text) -> std::string;

// "1,234,567"
[[nodiscard]] auto grouped(std::uint64_t value) -> std::string;

// Text written to a sink in pieces, with the colours and the characters of a display.
class Page {
 public:
  Page(const Display& display, const Sink& sink) : display_{display}, sink_{sink} {}
  Page(const Page&) = delete;
  auto operator=(const Page&) -> Page& = delete;
  ~Page() { flush(); }

  template <class... Args>
  void print(fmt::format_string<Args...> format, Args&&... args) {
    constexpr std::size_t kPieceSize = 64 << 10;
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
    if (text_.size() >= kPieceSize) flush();
  }

  [[nodiscard]] auto styled(Style style, std::string_view text) const -> std::string {
    return inspect::styled(display_.colour, style, text);
  }

  [[nodiscard]] auto columns() const -> std::size_t { return display_.columns; }

  void heading(std::string_view text) { print("\n{}\n", styled(Style::heading, text)); }

  void field(std::string_view label, std::string_view value) { print("{:<19}{}\n", label, value); }

 private:
  void flush() {
    if (!text_.empty()) sink_(display_.charset == Charset::ascii ? to_ascii(text_) : text_);
    text_.clear();
  }

  Display display_;
  const Sink& sink_;
  std::string text_;
};

}  // namespace hermitage::inspect
