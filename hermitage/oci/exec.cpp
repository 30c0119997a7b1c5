#include "hermitage/oci/exec.hpp"

#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "hermitage/base/descriptor.hpp"
#include "hermitage/base/file_io.hpp"
#include "hermitage/oci/call_failure.hpp"
#include "hermitage/oci/guest_command.hpp"
#include "hermitage/oci/image/json.hpp"

namespace hermitage::oci {
namespace {

constexpr int kCommandFailed = 1;

auto read_process(const std::string& path, ExecRequest& request) -> std::expected<void, std::string> {
  constexpr std::size_t kMaxSize = std::size_t{1} << 20;  // bytes
  const base::Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file.is_open()) return call_failure(fmt::format("open {}", path));
  const auto bytes = base::read_all(file.get(), kMaxSize);
  if (!bytes) return std::unexpected{fmt::format("read {}: {}", path, std::strerror(bytes.error()))};
  const auto process = parse_json({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
  if (!process) return std::unexpected{fmt::format("exec: {} is not JSON", path)};
  request.words = strings_of(member(*process, "args"));
  request.has_terminal = is_true(member(*process, "terminal"));
  return {};
}

auto write_text(int file, std::string_view text) -> bool {
  return base::write_all(file, std::as_bytes(std::span{text})).has_value();
}

// Returns the exit status.
auto do_command(const GuestCommand& command, pid_t monitor) -> int {
  const auto answer = send_guest_command(monitor, command);
  if (answer) return write_text(STDOUT_FILENO, *answer) ? 0 : kCommandFailed;
  [[maybe_unused]] const auto told =
      write_text(STDERR_FILENO, fmt::format("hermitage-oci: {}: {}\n", command.name, answer.error()));
  return kCommandFailed;
}

auto write_pid(const std::string& path, pid_t process) -> std::expected<void, std::string> {
  if (path.empty()) return {};
  const base::Descriptor file{::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
  if (!file.is_open()) return call_failure(fmt::format("open {}", path));
  if (!write_text(file.get(), fmt::format("{}", process))) return call_failure(fmt::format("write {}", path));
  return {};
}

}  // namespace

auto read_exec_request(const CommandLine& line) -> std::expected<ExecRequest, std::string> {
  const auto has = [&line](const char* name, const char* letter) {
    const auto value = line.option(name) ? line.option(name) : line.option(letter);
    return value && *value != "false";
  };
  ExecRequest request{.has_terminal = has("tty", "t"),
                      .detaches = has("detach", "d"),
                      .pid_file = line.option("pid-file").value_or("")};
  const auto process = line.option("process");
  if (process) {
    if (auto read = read_process(*process, request); !read) return std::unexpected{read.error()};
    return request;
  }
  const auto& operands = line.operands();
  if (!operands.empty()) request.words.assign(operands.begin() + 1, operands.end());
  if (!request.words.empty() && request.words.front() == "--") request.words.erase(request.words.begin());
  return request;
}

auto exec_in_guest(const ExecRequest& request, pid_t monitor) -> std::expected<int, std::string> {
  const auto command = parse_guest_command(request.words);
  if (!command) return std::unexpected{command.error()};
  if (request.has_terminal) {
    return std::unexpected{fmt::format("exec: '{}' has no terminal; leave out -t", command->name)};
  }
  if (!request.detaches) {
    if (auto written = write_pid(request.pid_file, ::getpid()); !written) return std::unexpected{written.error()};
    return do_command(*command, monitor);
  }
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return call_failure("pipe2");
  const base::Descriptor reading{ends[0]};
  base::Descriptor writing{ends[1]};
  const auto child = ::fork();
  if (child < 0) return call_failure("fork");
  if (child == 0) {
    // The engine must know the ID of this process before it ends.
    char byte = 0;
    writing = base::Descriptor{};
    ::_exit(::read(reading.get(), &byte, 1) == 1 ? do_command(*command, monitor) : kCommandFailed);
  }
  if (auto written = write_pid(request.pid_file, child); !written) return std::unexpected{written.error()};
  if (::write(writing.get(), "", 1) != 1) return call_failure("write to a child process");
  return 0;
}

}  // namespace hermitage::oci
