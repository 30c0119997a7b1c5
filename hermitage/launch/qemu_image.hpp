// What is to be run, as far as QEMU is to know of it.
#pragma once

#include <cstdint>

#include "hermitage/image/config.hpp"
#include "hermitage/launch/failure.hpp"
#include "hermitage/launch/run_request.hpp"
#include "hermitage/qemu/target.hpp"

namespace hermitage::launch {

struct QemuImage {
  std::uint64_t size = 0;  // bytes
  qemu::Target target;
  bool needs_loader = true;
  bool is_packed = false;
  bool takes_variables = true;  // from its command line
  image::Config config;
};

// Reads the request's source, and moves its bytes. Only where it `warns`, it does so of what is odd about an image.
[[nodiscard]] auto read_for_qemu(RunRequest& request, bool warns) -> OrFailure<QemuImage>;

}  // namespace hermitage::launch
