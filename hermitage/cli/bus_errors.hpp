// Handles SIGBUS, which is raised when a mapped file is truncated.
#pragma once

#include <atomic>

namespace hermitage::cli {

// While an object of this class exists, the signal handler calls `on_error`, and maps zeros in place of the missing
// page. Without it, the process would be killed and leave its temporary files. At most one object can exist.
class BusErrors {
 public:
  explicit BusErrors(void (*on_error)());
  BusErrors(const BusErrors&) = delete;
  auto operator=(const BusErrors&) -> BusErrors& = delete;
  ~BusErrors();

  // Whether SIGBUS was raised since the last call.
  [[nodiscard]] static auto take() noexcept -> bool;
};

}  // namespace hermitage::cli
