// The destination of reports. Large reports are never completely in memory.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace hermitage::inspect {

// Gets the next piece of a text.
using Sink = std::function<void(std::string_view)>;

// Returns the output of `print(arguments…, sink)` as one string. Only for small output.
template <class Print, class... Arguments>
[[nodiscard]] auto collected(Print print, const Arguments&... arguments) -> std::string {
  std::string all;
  print(arguments..., Sink{[&all](std::string_view piece) { all += piece; }});
  return all;
}

}  // namespace hermitage::inspect
