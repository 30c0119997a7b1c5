// How QEMU is called for a launch.
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
  std::string handover;         // by which the loader tells of the handover; empty: it does not
  bool has_loader_log = false;  // which is output, as the user wants it
  bool is_confined = true;
};

// Makes a command line of a request. Fails with usage where it asks for what QEMU does not have.
[[nodiscard]] auto plan_for_qemu(const RunRequest& request, const QemuImage& image, const QemuOptions& options)
    -> OrFailure<QemuPlan>;

// A failure that is QEMU's, or of what belongs to it.
[[nodiscard]] auto not_in_qemu(const std::string& image, std::string message) -> std::unexpected<Failure>;

}  // namespace hermitage::launch
