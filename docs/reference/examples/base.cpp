// Examples of the headers of hermitage/base. The reference shows each part at its header.
#include <array>
#include <csignal>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>

#include "hermitage/base/arguments.hpp"
#include "hermitage/base/control.hpp"
#include "hermitage/base/descriptor.hpp"
#include "hermitage/base/descriptor_message.hpp"
#include "hermitage/base/file_io.hpp"
#include "hermitage/base/file_mapping.hpp"
#include "hermitage/base/host_check.hpp"
#include "hermitage/base/invalid_value.hpp"
#include "hermitage/base/memory_size.hpp"
#include "hermitage/base/network.hpp"
#include "hermitage/base/page.hpp"
#include "hermitage/base/passt_options.hpp"
#include "hermitage/base/privileges.hpp"
#include "hermitage/base/program.hpp"
#include "hermitage/base/reader_limit.hpp"
#include "hermitage/base/timer.hpp"
#include "hermitage/base/xml.hpp"

namespace examples {
using namespace hermitage::base;

//! [hermitage/base/arguments.hpp]
auto command_line() -> std::string {
  return boot_arguments({.program = "app", .kernel = {}, .application = {"--port", "80"}, .environment = {"LOG=info"}})
      .value_or("");
}
//! [hermitage/base/arguments.hpp]

//! [hermitage/base/control.hpp]
auto changes_the_guest(std::string_view line) -> bool {
  const auto command = parse_control_command(line);
  return command == ControlCommand::pause || command == ControlCommand::resume;
}
//! [hermitage/base/control.hpp]

//! [hermitage/base/descriptor.hpp]
auto open_file(const char* path) -> Descriptor {
  return Descriptor{::open(path, O_RDONLY | O_CLOEXEC)};
}
//! [hermitage/base/descriptor.hpp]

//! [hermitage/base/descriptor_message.hpp]
auto hand_over(const Descriptor& socket, const Descriptor& file) -> bool {
  constexpr std::string_view kLine{"snapshot\n"};
  const std::array files{file.get()};
  return send_with_descriptors(socket.get(), std::as_bytes(std::span{kLine}), files).has_value();
}
//! [hermitage/base/descriptor_message.hpp]

//! [hermitage/base/file_io.hpp]
auto read_file(const Descriptor& file) -> std::vector<std::byte> {
  constexpr std::size_t kMost = 1 << 20;
  return read_all(file.get(), kMost).value_or(std::vector<std::byte>{});
}
//! [hermitage/base/file_io.hpp]

//! [hermitage/base/file_mapping.hpp]
const FileMapping kData{.host = "/srv/data", .guest = "/data", .is_read_only = true};
//! [hermitage/base/file_mapping.hpp]

//! [hermitage/base/host_check.hpp]
void print(const HostCheck& check) {
  if (check.outcome == HostCheck::Outcome::good) return;
  std::printf("%s: %s\n", check.subject.c_str(), check.finding.c_str());
}
//! [hermitage/base/host_check.hpp]

//! [hermitage/base/invalid_value.hpp]
auto complaint_about(const std::string& option) -> std::string {
  const auto network = parse_network(option);
  return network ? std::string{} : "--net '" + option + "': " + network.error().message();
}
//! [hermitage/base/invalid_value.hpp]

//! [hermitage/base/memory_size.hpp]
auto is_valid_memory(std::uint64_t size) -> bool {
  return check_memory_size(size).has_value();
}
//! [hermitage/base/memory_size.hpp]

//! [hermitage/base/network.hpp]
auto guest_port(std::string_view published) -> std::uint16_t {
  const auto forward = parse_port_forward(published);  // "127.0.0.1:8080:80"
  return forward ? forward->guest_port : 0;
}
//! [hermitage/base/network.hpp]

//! [hermitage/base/page.hpp]
auto page_count(std::uint64_t size) -> std::uint64_t {
  return (size + host_page_size() - 1) / host_page_size();
}
//! [hermitage/base/page.hpp]

//! [hermitage/base/passt_options.hpp]
auto passt_command(const std::vector<PortForward>& forwards) -> std::vector<std::string> {
  std::vector<std::string> words{"passt", "--foreground"};
  for (auto& option : passt_port_options(forwards)) words.push_back(std::move(option));
  return words;
}
//! [hermitage/base/passt_options.hpp]

//! [hermitage/base/privileges.hpp]
void drop_privileges() {
  if (const char* call = forbid_new_privileges()) std::perror(call);
  if (const char* call = drop_capabilities()) std::perror(call);
}
//! [hermitage/base/privileges.hpp]

//! [hermitage/base/program.hpp]
auto has_passt() -> bool {
  return find_program("passt").has_value();
}
//! [hermitage/base/program.hpp]

//! [hermitage/base/reader_limit.hpp]
auto print_within(std::chrono::milliseconds limit, std::span<const std::byte> bytes) -> bool {
  ReaderLimit reader;
  reader.set(limit);
  return reader.wait(STDOUT_FILENO) && write_all(STDOUT_FILENO, bytes);
}
//! [hermitage/base/reader_limit.hpp]

//! [hermitage/base/timer.hpp]
auto interrupt_after(std::chrono::seconds delay) -> std::expected<Timer, int> {
  auto timer = Timer::make(SIGALRM, nullptr);
  if (timer) timer->set(delay);
  return timer;
}
//! [hermitage/base/timer.hpp]

//! [hermitage/base/xml.hpp]
auto title_element(const std::string& title) -> std::string {
  return "<title>" + escape_xml(title) + "</title>";
}
//! [hermitage/base/xml.hpp]

}  // namespace examples
