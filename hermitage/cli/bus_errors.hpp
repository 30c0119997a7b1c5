// What happens when a file that this process has mapped gets shorter: SIGBUS.
#pragma once

#include <atomic>

namespace hermitage::cli {

// From the first one on, an access to a page that the file no longer has finds zeros; and while one is there,
// `on_error` is called in the signal handler. Otherwise the process would end, and leave its temporary files behind.
// There can be one at a time.
class BusErrors {
 public:
  explicit BusErrors(void (*on_error)());
  BusErrors(const BusErrors&) = delete;
  auto operator=(const BusErrors&) -> BusErrors& = delete;
  ~BusErrors();

  // Whether there was one since the last call.
  [[nodiscard]] static auto take() noexcept -> bool;
};

}  // namespace hermitage::cli
