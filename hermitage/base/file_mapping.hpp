// A file or directory of the host's that a guest is to see, as a user asks for it.
#pragma once

#include <string>

namespace hermitage::base {

struct FileMapping {
  std::string host;   // a path there
  std::string guest;  // below /, without ".."
  bool is_read_only = false;

  friend auto operator==(const FileMapping&, const FileMapping&) -> bool = default;
};

}  // namespace hermitage::base
