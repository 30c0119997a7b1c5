#include "hermitage/oci/passt.hpp"

#include <array>
#include <utility>

#include <fmt/format.h>
#include <sys/socket.h>

#include "hermitage/base/passt_options.hpp"
#include "hermitage/oci/call_failure.hpp"
#include "hermitage/oci/process.hpp"
#include "hermitage/oci/settings.hpp"

namespace hermitage::oci {
namespace {

constexpr int kSocketInPasst = 3;

auto last_line(std::string text) -> std::string {
  while (text.ends_with('\n')) text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

}  // namespace

auto start_passt(const std::vector<base::PortForward>& forwards, const std::vector<std::string>& nameservers)
    -> std::expected<base::Descriptor, std::string> {
  const auto program = find_system_program("passt");
  if (!program) return std::unexpected{"the program passt is not installed"};
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return call_failure("socketpair");
  base::Descriptor guests_end{ends[0]};
  const base::Descriptor passts_end{ends[1]};
  std::vector<std::string> arguments{"--quiet", "--fd", std::to_string(kSocketInPasst)};
  for (const auto& server : nameservers) arguments.insert(arguments.end(), {"--dns", server});
  const auto ports = base::passt_port_options(forwards);
  arguments.insert(arguments.end(), ports.begin(), ports.end());
  // The program ends when the process that it leaves in the background is ready.
  const auto errors = errors_of(*program, arguments, passts_end.get(), kSocketInPasst);
  if (!errors) return std::unexpected{fmt::format("cannot start {}", *program)};
  if (errors->status == 0) return guests_end;
  return std::unexpected{fmt::format("passt: {}", last_line(errors->text))};
}

}  // namespace hermitage::oci
