// Where reports go while they are made: a large one is never in memory whole.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace hermitage::inspect {

// Takes the next piece of a text.
using Sink = std::function<void(std::string_view)>;

// What `print(arguments…, sink)` writes, as one string: of something small.
template <class Print, class... Arguments>
[[nodiscard]] auto collected(Print print, const Arguments&... arguments) -> std::string {
  std::string all;
  print(arguments..., Sink{[&all](std::string_view piece) { all += piece; }});
  return all;
}

}  // namespace hermitage::inspect
