// The facts about a kernel or an image on which QEMU's command line depends.
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
  bool takes_variables = true;  // the kernel reads variables from its command line
  image::Config config;
};

// Reads the request's source, whose bytes are moved. Reports the warnings of an image if `warns`.
[[nodiscard]] auto read_for_qemu(RunRequest& request, bool warns) -> OrFailure<QemuImage>;

}  // namespace hermitage::launch
