// hermitage: the command line.
#include <algorithm>
#include <csignal>
#include <exception>

#include "hermitage/cli/command.hpp"
#include "hermitage/cli/output.hpp"
#include "hermitage/cli/process.hpp"
#include "hermitage/cli/program.hpp"

auto main(int argc, char** argv) -> int {
  using namespace hermitage::cli;
  process_start();
  occupy_closed_streams();
  // With SIGXFSZ ignored, a write beyond the file size limit fails with EFBIG, which is reported.
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    return static_cast<int>(run_program({argv + std::min(argc, 1), argv + argc}));
  } catch (const std::exception& error) {
    complain({}, error.what());
    return static_cast<int>(ExitCode::usage);
  }
}
