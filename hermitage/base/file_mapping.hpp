// A file or directory of the host that a user maps into a guest.
#pragma once

#include <string>

namespace hermitage::base {

struct FileMapping {
  std::string host;   // path on the host
  std::string guest;  // path in the guest, without ".."; / only for a directory
  bool is_read_only = false;

  friend auto operator==(const FileMapping&, const FileMapping&) -> bool = default;
};

}  // namespace hermitage::base
