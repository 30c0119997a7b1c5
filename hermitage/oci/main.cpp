// hermitage-oci: podman, containerd and Kubernetes run Hermit kernels with it as their container runtime.
#include <algorithm>
#include <exception>
#include <string>
#include <vector>

#include "hermitage/oci/command_line.hpp"
#include "hermitage/oci/log.hpp"
#include "hermitage/oci/program.hpp"

auto main(int argc, char** argv) -> int {
  try {
    return hermitage::oci::run_program({argv + std::min(argc, 1), argv + argc});
  } catch (const std::exception& error) {
    hermitage::oci::report_error(hermitage::oci::CommandLine{{argv + std::min(argc, 1), argv + argc}}, error.what());
    return 1;
  }
}
