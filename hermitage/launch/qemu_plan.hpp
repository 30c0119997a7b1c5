// The plan for a run in QEMU.
#pragma once

#include <string>

#include "hermitage/launch/failure.hpp"
#include "hermitage/launch/in_qemu.hpp"
#include "hermitage/launch/launch_spec.hpp"
#include "hermitage/launch/qemu_image.hpp"
#include "hermitage/launch/run_request.hpp"
#include "hermitage/qemu/command_line.hpp"
#include "hermitage/qemu/target.hpp"

namespace hermitage::launch {

struct QemuPlan {
  LaunchSpec spec;
  qemu::Target target;
  qemu::CommandLine line;
  std::string handover;         // the loader announces the handover with this string; empty: it does not
  bool has_loader_log = false;  // the loader's log is part of the output, because the user requested it
  bool is_confined = true;
};

// Makes a command line from a request. Fails with usage if QEMU does not support an option.
[[nodiscard]] auto plan_for_qemu(const RunRequest& request, const QemuImage& image, const QemuOptions& options)
    -> OrFailure<QemuPlan>;

// A failure of QEMU, or of its files.
[[nodiscard]] auto not_in_qemu(const std::string& image, std::string message) -> std::unexpected<Failure>;

}  // namespace hermitage::launch
