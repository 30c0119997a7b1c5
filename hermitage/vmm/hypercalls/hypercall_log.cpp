#include "hermitage/vmm/hypercalls/hypercall_log.hpp"

#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "hermitage/entry/uhyve_interface.hpp"
#include "hermitage/vmm/hypercalls/trace.hpp"

namespace hermitage::vmm {
namespace {

namespace uhyve = entry::uhyve;
namespace v1 = entry::uhyve::v1;
namespace v2 = entry::uhyve::v2;

constexpr auto port_of(v1::Hypercall hypercall) -> std::uint16_t {
  return std::to_underlying(hypercall);
}
constexpr auto port_of(v2::Hypercall hypercall) -> std::uint16_t {
  return std::to_underlying(hypercall);
}

// The argument is the byte.
constexpr auto is_output(std::uint16_t port) -> bool {
  return port == port_of(v1::Hypercall::uart) || port == port_of(v2::Hypercall::serial_write_byte);
}

// The number of bytes of the parameters; 0 if there are none, or if the log does not keep them. The ports of the
// interfaces differ.
constexpr auto parameters_size(std::uint16_t port) -> std::size_t {
  switch (port) {
    case port_of(v1::Hypercall::write): return sizeof(v1::WriteParams);
    case port_of(v1::Hypercall::open):
    case port_of(v2::Hypercall::open): return sizeof(uhyve::OpenParams);
    case port_of(v1::Hypercall::close):
    case port_of(v2::Hypercall::close): return sizeof(uhyve::CloseParams);
    case port_of(v1::Hypercall::unlink):
    case port_of(v2::Hypercall::unlink): return sizeof(uhyve::UnlinkParams);
    case port_of(v1::Hypercall::read): return sizeof(v1::ReadParams);
    case port_of(v1::Hypercall::exit): return sizeof(v1::ExitParams);
    case port_of(v1::Hypercall::lseek): return sizeof(v1::LseekParams);
    case port_of(v1::Hypercall::cmdval): return sizeof(v1::CmdvalParams);
    case port_of(v1::Hypercall::serial_write_buffer): return sizeof(v1::SerialWriteBufferParams);
    case port_of(v2::Hypercall::serial_write_buffer): return sizeof(v2::SerialWriteBufferParams);
    case port_of(v2::Hypercall::serial_read_buffer): return sizeof(v2::SerialReadBufferParams);
    case port_of(v2::Hypercall::write): return sizeof(v2::WriteParams);
    case port_of(v2::Hypercall::read): return sizeof(v2::ReadParams);
    case port_of(v2::Hypercall::lseek): return sizeof(v2::LseekParams);
    case port_of(v2::Hypercall::getdents): return sizeof(v2::GetdentsParams);
    case port_of(v2::Hypercall::stat): return sizeof(v2::StatParams);
    case port_of(v2::Hypercall::fstat): return sizeof(v2::FstatParams);
    case port_of(v2::Hypercall::mkdir): return sizeof(v2::MkdirParams);
    default: return 0;
  }
}

// The parameters begin with the address of a path.
constexpr auto has_path(std::uint16_t port) -> bool {
  switch (port) {
    case port_of(v1::Hypercall::open):
    case port_of(v2::Hypercall::open):
    case port_of(v1::Hypercall::unlink):
    case port_of(v2::Hypercall::unlink):
    case port_of(v2::Hypercall::stat):
    case port_of(v2::Hypercall::mkdir): return true;
    default: return false;
  }
}

template <class Params>
auto as(std::span<const std::byte> bytes) -> Params {
  static_assert(std::is_trivially_copyable_v<Params>);
  Params params;
  std::memcpy(&params, bytes.data(), sizeof params);
  return params;
}

auto result_of(v2::ResultTag tag, std::int32_t error) -> std::int64_t {
  return tag == v2::ResultTag::error ? -std::int64_t{error} : 0;
}

auto result_of(const v2::GetdentsParams& params) -> std::int64_t {
  if (params.tag == v2::GetdentsTag::error) return -std::int64_t{params.error()};
  return params.tag == v2::GetdentsTag::success ? static_cast<std::int64_t>(params.payload) : 0;
}

}  // namespace

void HypercallLog::begin(std::uint16_t port, std::uint64_t argument, const GuestMemory& memory) noexcept {
  if (is_output(port) && count_ > 0) {
    auto& last = entries_[(count_ - 1) % kCapacity];
    if (last.port == port) {
      last.argument = argument;
      return add_output(last);
    }
  }
  auto& entry = entries_[count_++ % kCapacity];
  entry.argument = argument;
  entry.bytes = 0;
  entry.port = port;
  entry.text_size = 0;
  entry.is_text_longer = false;
  entry.has_returned = false;
  entry.has_parameters = false;
  if (is_output(port)) return add_output(entry);
  if (has_path(port)) copy_path(entry, memory);
}

void HypercallLog::end(const GuestMemory& memory) noexcept {
  auto& entry = entries_[(count_ - 1) % kCapacity];
  copy_parameters(entry, memory);
  entry.has_returned = true;
}

void HypercallLog::copy_parameters(Entry& entry, const GuestMemory& memory) noexcept {
  const auto size = parameters_size(entry.port);
  static_assert(sizeof(v2::GetdentsParams) <= kParametersSize);
  if (size == 0) return;
  // A copy of a constant size is faster. The bytes after the parameters are not used.
  if (const auto bytes = memory.span({entry.argument}, kParametersSize)) {
    std::memcpy(entry.parameters.data(), bytes->data(), kParametersSize);
    entry.has_parameters = true;
    return;
  }
  const auto bytes = memory.span({entry.argument}, size);
  if (bytes) std::ranges::copy(*bytes, entry.parameters.begin());
  entry.has_parameters = bytes.has_value();
}

void HypercallLog::copy_path(Entry& entry, const GuestMemory& memory) noexcept {
  const auto address = memory.read<uhyve::Gpa>({entry.argument});
  if (!address || !memory.span({*address}, 1)) return;
  const auto size = std::min<std::uint64_t>(kTextSize, memory.range().end.value - *address);
  const auto bytes = *memory.span({*address}, size);
  for (const auto byte : bytes) {
    if (byte == std::byte{}) return;
    entry.text[entry.text_size++] = static_cast<char>(byte);
  }
  entry.is_text_longer = true;
}

void HypercallLog::add_output(Entry& entry) noexcept {
  ++entry.bytes;
  entry.is_text_longer = entry.text_size == kTextSize;
  if (!entry.is_text_longer) entry.text[entry.text_size++] = static_cast<char>(entry.argument);
}

auto HypercallLog::lines(const GuestMemory& memory) const -> std::vector<std::string> {
  std::vector<std::string> lines;
  const auto size = std::min<std::uint64_t>(count_, kCapacity);
  lines.reserve(size);
  for (auto number = count_ - size; number < count_; ++number) {
    auto entry = entries_[number % kCapacity];
    if (!entry.has_returned) copy_parameters(entry, memory);
    lines.push_back(line_of(entry));
  }
  return lines;
}

auto HypercallLog::line_of(const Entry& entry) -> std::string {
  const auto& bytes = entry.parameters;
  const auto text = quoted(std::string_view{entry.text.data(), entry.text_size}) + (entry.is_text_longer ? "…" : "");
  const auto with = [&](const std::string& call, std::int64_t result) {
    return entry.has_returned ? fmt::format("{} = {}", call, result) : call + " = ?";
  };
  const auto port = entry.port;
  if (parameters_size(port) != 0 && !entry.has_parameters) {
    return fmt::format("port {:#x}, with parameters outside of the memory at {:#x}", port, entry.argument);
  }
  switch (port) {
    case port_of(v1::Hypercall::write): {
      const auto params = as<v1::WriteParams>(bytes);
      return fmt::format("write({}, {:#x}, {})", +params.fd, +params.buf, +params.len);
    }
    case port_of(v1::Hypercall::read): {
      const auto params = as<v1::ReadParams>(bytes);
      return with(fmt::format("read({}, {:#x}, {})", +params.fd, +params.buf, +params.len), params.ret);
    }
    case port_of(v1::Hypercall::open):
    case port_of(v2::Hypercall::open): {
      const auto params = as<uhyve::OpenParams>(bytes);
      return with(fmt::format("open({}, {}, {:#o})", text, flags_text(params.flags), +params.mode), params.ret);
    }
    case port_of(v1::Hypercall::close):
    case port_of(v2::Hypercall::close): {
      const auto params = as<uhyve::CloseParams>(bytes);
      return with(fmt::format("close({})", +params.fd), params.ret);
    }
    case port_of(v1::Hypercall::unlink):
    case port_of(v2::Hypercall::unlink): {
      return with(fmt::format("unlink({})", text), as<uhyve::UnlinkParams>(bytes).ret);
    }
    case port_of(v1::Hypercall::lseek): {
      const auto params = as<v1::LseekParams>(bytes);
      return fmt::format("lseek({}, {}, {})", +params.fd, +params.offset, +params.whence);
    }
    case port_of(v1::Hypercall::exit): return fmt::format("exit({})", +as<v1::ExitParams>(bytes).code);
    case port_of(v1::Hypercall::cmdsize): return "cmdsize()";
    case port_of(v1::Hypercall::cmdval): {
      const auto params = as<v1::CmdvalParams>(bytes);
      return fmt::format("cmdval({:#x}, {:#x})", +params.argv, +params.envp);
    }
    case port_of(v1::Hypercall::uart): return fmt::format("uart({}), {} bytes", text, entry.bytes);
    case port_of(v1::Hypercall::serial_write_buffer): {
      const auto params = as<v1::SerialWriteBufferParams>(bytes);
      return fmt::format("serial_write_buffer({:#x}, {})", +params.buf, +params.len);
    }
    case port_of(v2::Hypercall::exit): return fmt::format("exit({})", static_cast<std::int32_t>(entry.argument));
    case port_of(v2::Hypercall::serial_write_byte):
      return fmt::format("serial_write_byte({}), {} bytes", text, entry.bytes);
    case port_of(v2::Hypercall::serial_write_buffer): {
      const auto params = as<v2::SerialWriteBufferParams>(bytes);
      return fmt::format("serial_write_buffer({:#x}, {})", params.buf, params.len);
    }
    case port_of(v2::Hypercall::serial_read_buffer): {
      const auto params = as<v2::SerialReadBufferParams>(bytes);
      return with(fmt::format("serial_read_buffer({:#x}, {})", params.buf, params.maxlen),
                  static_cast<std::int64_t>(params.len));
    }
    case port_of(v2::Hypercall::write): {
      const auto params = as<v2::WriteParams>(bytes);
      return with(fmt::format("write({}, {:#x}, {})", params.fd, params.buf, params.len), params.ret);
    }
    case port_of(v2::Hypercall::read): {
      const auto params = as<v2::ReadParams>(bytes);
      return with(fmt::format("read({}, {:#x}, {})", params.fd, params.buf, params.len), params.ret);
    }
    case port_of(v2::Hypercall::lseek): {
      // The result replaces the offset.
      const auto params = as<v2::LseekParams>(bytes);
      return entry.has_returned ? fmt::format("lseek({}, …, {}) = {}", params.fd, params.whence, params.offset)
                                : fmt::format("lseek({}, {}, {}) = ?", params.fd, params.offset, params.whence);
    }
    case port_of(v2::Hypercall::getdents): {
      const auto params = as<v2::GetdentsParams>(bytes);
      return with(fmt::format("getdents({}, {:#x}, {})", params.fd, params.buf, params.len), result_of(params));
    }
    case port_of(v2::Hypercall::stat): {
      const auto params = as<v2::StatParams>(bytes);
      const auto* const name = params.kind == v2::StatKind::stat ? "stat" : "lstat";
      return with(fmt::format("{}({}, {:#x})", name, text, params.attr), result_of(params.tag, params.error));
    }
    case port_of(v2::Hypercall::fstat): {
      const auto params = as<v2::FstatParams>(bytes);
      return with(fmt::format("fstat({}, {:#x})", params.fd, params.attr), result_of(params.tag, params.error));
    }
    case port_of(v2::Hypercall::mkdir): {
      const auto params = as<v2::MkdirParams>(bytes);
      return with(fmt::format("mkdir({})", text), result_of(params.tag, params.error));
    }
    default: return fmt::format("port {:#x}", port);
  }
}

}  // namespace hermitage::vmm
