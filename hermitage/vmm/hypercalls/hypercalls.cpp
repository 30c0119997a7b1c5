// The common parts of the interfaces: names of hypercalls, and their operations on files and the serial port.
#include "hermitage/vmm/hypercalls/hypercalls.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "hermitage/entry/utf8.hpp"
#include "hermitage/vmm/hypercalls/parameters.hpp"
#include "hermitage/vmm/hypercalls/trace.hpp"

namespace hermitage::vmm {

namespace uhyve = entry::uhyve;
namespace v1 = entry::uhyve::v1;
namespace v2 = entry::uhyve::v2;

namespace {

struct Name {
  std::uint16_t port;
  const char* exit_name;
};

template <class Hypercall>
constexpr auto named(Hypercall hypercall, const char* exit_name) -> Name {
  return {std::to_underlying(hypercall), exit_name};
}

constexpr std::array kNamesV1{
    named(v1::Hypercall::write, "hypercall write"),
    named(v1::Hypercall::open, "hypercall open"),
    named(v1::Hypercall::close, "hypercall close"),
    named(v1::Hypercall::read, "hypercall read"),
    named(v1::Hypercall::exit, "hypercall exit"),
    named(v1::Hypercall::lseek, "hypercall lseek"),
    named(v1::Hypercall::cmdsize, "hypercall cmdsize"),
    named(v1::Hypercall::cmdval, "hypercall cmdval"),
    named(v1::Hypercall::uart, "hypercall uart"),
    named(v1::Hypercall::unlink, "hypercall unlink"),
    named(v1::Hypercall::serial_write_buffer, "hypercall serial_write_buffer"),
};

constexpr std::array kNamesV2{
    named(v2::Hypercall::exit, "hypercall exit"),
    named(v2::Hypercall::serial_write_byte, "hypercall serial_write_byte"),
    named(v2::Hypercall::serial_write_buffer, "hypercall serial_write_buffer"),
    named(v2::Hypercall::serial_read_byte, "hypercall serial_read_byte"),
    named(v2::Hypercall::serial_read_buffer, "hypercall serial_read_buffer"),
    named(v2::Hypercall::write, "hypercall write"),
    named(v2::Hypercall::open, "hypercall open"),
    named(v2::Hypercall::close, "hypercall close"),
    named(v2::Hypercall::read, "hypercall read"),
    named(v2::Hypercall::lseek, "hypercall lseek"),
    named(v2::Hypercall::unlink, "hypercall unlink"),
    named(v2::Hypercall::getdents, "hypercall getdents"),
    named(v2::Hypercall::stat, "hypercall stat"),
    named(v2::Hypercall::fstat, "hypercall fstat"),
    named(v2::Hypercall::mkdir, "hypercall mkdir"),
};

// Interface 3 has added the hypercalls from getdents on.
constexpr auto kCountV2 = static_cast<std::size_t>(
    std::ranges::find(kNamesV2, std::to_underlying(v2::Hypercall::getdents), &Name::port) - kNamesV2.begin());

// The names of the hypercalls of an interface.
constexpr auto names_of(entry::UhyveInterfaceVersion interface) -> std::span<const Name> {
  if (interface.value == 1) return kNamesV1;
  const std::span<const Name> names{kNamesV2};
  return interface.value == 2 ? names.first(kCountV2) : names;
}

template <std::size_t count>
constexpr auto ports_of(const std::array<Name, count>& names) -> std::array<std::uint16_t, count> {
  std::array<std::uint16_t, count> ports{};
  std::ranges::transform(names, ports.begin(), &Name::port);
  return ports;
}

constexpr auto kPortsV1 = ports_of(kNamesV1);
constexpr auto kPortsV2 = ports_of(kNamesV2);

}  // namespace

Hypercalls::Hypercalls(entry::UhyveInterfaceVersion interface, Environment environment)
    : interface_{interface}, environment_{std::move(environment)} {}

auto Hypercalls::ports(entry::UhyveInterfaceVersion interface) noexcept -> std::span<const std::uint16_t> {
  if (interface.value == 1) return kPortsV1;
  return std::span{kPortsV2}.first(names_of(interface).size());
}

auto Hypercalls::exit_name(entry::UhyveInterfaceVersion interface, std::uint16_t port) noexcept -> const char* {
  const auto names = names_of(interface);
  const auto found = std::ranges::find(names, port, &Name::port);
  return found == names.end() ? nullptr : found->exit_name;
}

auto Hypercalls::name(entry::UhyveInterfaceVersion interface, std::uint16_t port) noexcept -> std::string_view {
  const auto* const name = exit_name(interface, port);
  return name == nullptr ? std::string_view{} : std::string_view{name}.substr(kExitPrefix.size());
}

auto Hypercalls::knows(std::uint16_t port) const noexcept -> bool {
  return exit_name(interface_, port) != nullptr;
}

auto Hypercalls::call(std::uint16_t port, std::uint64_t argument,
                      const std::function<std::optional<arch::PagingState>()>& paging) -> AccessOutcome {
  if (interface_.value == 1) {
    return call_v1(static_cast<v1::Hypercall>(port), static_cast<std::uint32_t>(argument), paging);
  }
  return call_v2(static_cast<v2::Hypercall>(port), argument);
}

auto Hypercalls::read_port(std::uint16_t port) -> std::uint8_t {
  if (port != std::to_underlying(v2::Hypercall::serial_read_byte)) return 0;
  environment_.serial.flush();
  std::byte byte{};
  const auto got = environment_.serial.read_available({&byte, 1});
  trace("serial_read_byte() = {}", got == 0 ? "nothing" : fmt::format("{:#x}", std::to_integer<unsigned>(byte)));
  return std::to_integer<std::uint8_t>(byte);
}

auto Hypercalls::path_at(GuestAddress address) const -> FileResult<std::string> {
  if (!environment_.memory.span(address, 1)) return fails(Errno::fault);
  auto text = environment_.memory.read_text(address, GuestFiles::kMaxPath);
  if (text && !entry::is_utf8(*text)) return fails(Errno::inval);
  if (text) return std::move(*text);
  // The path is longer than the limit, or is not terminated before the end of the memory.
  return std::unexpected{environment_.memory.span(address, GuestFiles::kMaxPath) ? Errno::nametoolong : Errno::fault};
}

auto Hypercalls::buffer_at(GuestAddress address, std::uint64_t size) const -> FileResult<iovec> {
  if (size == 0) return iovec{};
  const auto bytes = environment_.memory.span(address, size);
  if (!bytes) return fails(Errno::fault);
  return iovec{.iov_base = bytes->data(), .iov_len = std::min<std::uint64_t>(bytes->size(), kMaxTransfer)};
}

auto Hypercalls::continues() const -> bool {
  if (environment_.checkpoint) environment_.checkpoint();
  return !environment_.is_stopping || !environment_.is_stopping();
}

auto Hypercalls::read_file(std::int32_t descriptor, Buffers buffers) -> FileResult<std::uint64_t> {
  if (descriptor == kStandardOutput || descriptor == kStandardError) return fails(Errno::badf);
  if (descriptor != kStandardInput) return environment_.files.read(descriptor, buffers);
  environment_.serial.flush();  // a prompt must be visible before the guest waits for input
  return environment_.serial.read(buffers);
}

auto Hypercalls::write_file(std::int32_t descriptor, Buffers buffers) -> FileResult<std::uint64_t> {
  if (descriptor == kStandardInput) return fails(Errno::badf);
  if (descriptor != kStandardOutput && descriptor != kStandardError) {
    return environment_.files.write(descriptor, buffers);
  }
  for (const auto& buffer : buffers) {
    environment_.serial.write({static_cast<const std::byte*>(buffer.iov_base), buffer.iov_len});
  }
  return total_size(buffers);
}

auto Hypercalls::write_serial(GuestAddress address, std::uint64_t size) -> AccessOutcome {
  if (size == 0) return Resume{};  // an empty buffer can have any address
  const auto bytes = environment_.memory.span(address, size);
  if (!bytes) {
    return GuestFault{fmt::format("it prints {} bytes at {:#x}, outside of its memory", size, address.value)};
  }
  if (environment_.trace) {
    const std::string text{reinterpret_cast<const char*>(bytes->data()), std::min<std::size_t>(size, kTracedBytes + 1)};
    trace("serial_write_buffer({}, {})", quoted(std::string_view{text}), size);
  }
  environment_.serial.write(*bytes);
  return Resume{};
}

void Hypercalls::open(uhyve::OpenParams& params) {
  const auto path = path_at({params.name});
  const auto opened = path ? environment_.files.open(*path, params.flags, params.mode) : std::unexpected{path.error()};
  params.ret = static_cast<std::int32_t>(ret_of(opened));
  if (environment_.trace) {
    trace("open({}, {}, {:#o}) = {}", quoted(path), flags_text(params.flags), std::int32_t{params.mode},
          std::int32_t{params.ret});
  }
}

void Hypercalls::close(uhyve::CloseParams& params) {
  // Closing a standard stream has no effect, because the monitor still needs it.
  const bool is_standard = params.fd >= kStandardInput && params.fd <= kStandardError;
  params.ret = is_standard ? 0 : static_cast<std::int32_t>(ret_of(environment_.files.close(params.fd)));
  trace("close({}) = {}", std::int32_t{params.fd}, std::int32_t{params.ret});
}

void Hypercalls::unlink(uhyve::UnlinkParams& params) {
  const auto path = path_at({params.name});
  const auto removed = path ? environment_.files.unlink(*path) : std::unexpected{path.error()};
  params.ret = static_cast<std::int32_t>(ret_of(removed));
  if (environment_.trace) trace("unlink({}) = {}", quoted(path), std::int32_t{params.ret});
}

}  // namespace hermitage::vmm
