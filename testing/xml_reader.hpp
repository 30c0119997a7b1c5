// Reads pictures that tests look at.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hermitage::testing {

struct Element {
  std::string name;
  std::map<std::string, std::string> attributes;
  std::string text;
};

// Reads the little of XML that the pictures use, and throws at what is not well-formed.
class XmlReader {
 public:
  explicit XmlReader(std::string_view text) : text_{text} {}

  auto read() -> std::vector<Element> {
    read_element();
    skip_space();
    if (!text_.empty()) fail("something behind the end");
    return std::move(elements_);
  }

 private:
  [[noreturn]] void fail(std::string_view what) const {
    throw std::runtime_error{std::string{what} + " at: " + std::string{text_.substr(0, 60)}};
  }

  auto take(std::string_view wanted) -> bool {
    if (!text_.starts_with(wanted)) return false;
    text_.remove_prefix(wanted.size());
    return true;
  }

  void expect(std::string_view wanted) {
    if (!take(wanted)) fail("expected " + std::string{wanted});
  }

  void skip_space() {
    while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\n')) text_.remove_prefix(1);
  }

  auto take_name() -> std::string {
    const auto is_name = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || (c >= '0' && c <= '9');
    };
    const auto end = std::ranges::find_if_not(text_, is_name);
    const auto size = static_cast<std::size_t>(end - text_.begin());
    if (size == 0) fail("no name");
    std::string name{text_.substr(0, size)};
    text_.remove_prefix(size);
    return name;
  }

  // Up to one of `ends`, with references resolved.
  auto take_text(std::string_view ends) -> std::string {
    std::string result;
    while (!text_.empty() && !ends.contains(text_.front())) {
      if (take("&lt;")) {
        result += '<';
      } else if (take("&gt;")) {
        result += '>';
      } else if (take("&amp;")) {
        result += '&';
      } else if (take("&quot;")) {
        result += '"';
      } else {
        const char character = text_.front();
        if (character == '&' || character == '<') fail("not escaped");
        if (static_cast<unsigned char>(character) < 0x20 && character != '\n') fail("control character");
        // U+FFFE and U+FFFF are not XML.
        if (text_.starts_with("\xef\xbf\xbe") || text_.starts_with("\xef\xbf\xbf")) fail("not a character");
        result += character;
        text_.remove_prefix(1);
      }
    }
    return result;
  }

  void read_element() {
    expect("<");
    const auto index = elements_.size();
    elements_.push_back({.name = take_name(), .attributes = {}, .text = {}});
    for (skip_space(); !text_.empty() && text_.front() != '>' && text_.front() != '/'; skip_space()) {
      const auto key = take_name();
      expect("=\"");
      if (!elements_[index].attributes.emplace(key, take_text("\"")).second) fail("attribute twice");
      expect("\"");
    }
    if (take("/>")) return;
    expect(">");
    for (;;) {
      elements_[index].text += take_text("<");
      if (take("</")) break;
      if (text_.empty()) fail("no end");
      read_element();
    }
    if (take_name() != elements_[index].name) fail("wrong end");
    expect(">");
  }

  std::string_view text_;
  std::vector<Element> elements_;
};

}  // namespace hermitage::testing
