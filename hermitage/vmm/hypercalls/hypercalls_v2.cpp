// Uhyve's interfaces 2 and 3: a register contains the guest-physical address of parameters, or a value.
#include <algorithm>
#include <cstddef>

#include "hermitage/vmm/hypercalls/hypercalls.hpp"
#include "hermitage/vmm/hypercalls/parameters.hpp"
#include "hermitage/vmm/hypercalls/trace.hpp"

namespace hermitage::vmm {

namespace uhyve = entry::uhyve;
namespace v2 = entry::uhyve::v2;

namespace {

// The limit of one directory listing, in bytes, because nothing interrupts it.
constexpr std::uint64_t kMaxListing = std::uint64_t{1} << 20;

}  // namespace

auto Hypercalls::call_v2(v2::Hypercall hypercall, std::uint64_t argument) -> AccessOutcome {
  switch (hypercall) {
    case v2::Hypercall::exit: {
      const auto code = static_cast<std::int32_t>(argument);
      trace("exit({})", code);
      return GuestExit{code};
    }
    case v2::Hypercall::serial_write_byte: {
      const auto byte = static_cast<std::byte>(argument);
      trace("serial_write_byte({:#04x})", std::to_integer<unsigned>(byte));
      environment_.serial.write({&byte, 1});
      return Resume{};
    }
    case v2::Hypercall::serial_write_buffer:
      return with_params<const v2::SerialWriteBufferParams>(
          argument, [&](const auto& params) { return write_serial({params.buf}, params.len); });
    case v2::Hypercall::serial_read_buffer:
      return with_params<v2::SerialReadBufferParams>(argument, [&](auto& params) { serial_read(params); });
    case v2::Hypercall::write: return with_params<v2::WriteParams>(argument, [&](auto& params) { write(params); });
    case v2::Hypercall::open: return with_params<uhyve::OpenParams>(argument, [&](auto& params) { open(params); });
    case v2::Hypercall::close: return with_params<uhyve::CloseParams>(argument, [&](auto& params) { close(params); });
    case v2::Hypercall::read: return with_params<v2::ReadParams>(argument, [&](auto& params) { read(params); });
    case v2::Hypercall::lseek: return with_params<v2::LseekParams>(argument, [&](auto& params) { lseek(params); });
    case v2::Hypercall::unlink:
      return with_params<uhyve::UnlinkParams>(argument, [&](auto& params) { unlink(params); });
    case v2::Hypercall::getdents:
      return with_params<v2::GetdentsParams>(argument, [&](auto& params) { getdents(params); });
    case v2::Hypercall::stat: return with_params<v2::StatParams>(argument, [&](auto& params) { stat(params); });
    case v2::Hypercall::fstat: return with_params<v2::FstatParams>(argument, [&](auto& params) { fstat(params); });
    case v2::Hypercall::mkdir: return with_params<v2::MkdirParams>(argument, [&](auto& params) { mkdir(params); });
    case v2::Hypercall::serial_read_byte:
    case v2::Hypercall::shared_memory_open:
    case v2::Hypercall::shared_memory_close: break;
  }
  return Resume{};
}

void Hypercalls::read(v2::ReadParams& params) {
  auto buffer = buffer_at({params.buf}, params.len);
  const auto read = [&](Buffers piece) { return read_file(params.fd, piece); };
  // A second piece of standard input would wait, although data is already available.
  if (buffer && params.fd == kStandardInput) buffer->iov_len = std::min<std::uint64_t>(buffer->iov_len, kPieceSize);
  params.ret = ret_of(buffer ? in_pieces(*buffer, read) : std::unexpected{buffer.error()});
  trace("read({}, {:#x}, {}) = {}", params.fd, params.buf, params.len, params.ret);
}

void Hypercalls::write(v2::WriteParams& params) {
  const auto buffer = buffer_at({params.buf}, params.len);
  const auto write = [&](Buffers piece) { return write_file(params.fd, piece); };
  params.ret = ret_of(buffer ? in_pieces(*buffer, write) : std::unexpected{buffer.error()});
  trace("write({}, {:#x}, {}) = {}", params.fd, params.buf, params.len, params.ret);
}

void Hypercalls::lseek(v2::LseekParams& params) {
  const auto offset = params.offset;
  const bool is_standard = params.fd >= kStandardInput && params.fd <= kStandardError;
  params.offset = is_standard
                      ? negative(Errno::spipe)
                      : ret_of(environment_.files.lseek(params.fd, offset, static_cast<std::int32_t>(params.whence)));
  trace("lseek({}, {}, {}) = {}", params.fd, offset, params.whence, params.offset);
}

void Hypercalls::getdents(v2::GetdentsParams& params) {
  const auto buffer = buffer_at({params.buf}, params.len);
  FileResult<std::uint64_t> got = std::unexpected{buffer ? Errno::inval : buffer.error()};
  if (buffer) {
    const auto size = std::min<std::uint64_t>(buffer->iov_len, kMaxListing);
    got = environment_.files.getdents(params.fd, {static_cast<std::byte*>(buffer->iov_base), size});
  }
  if (!got) {
    params.tag = v2::GetdentsTag::error;
    params.set_error(std::to_underlying(got.error()));
  } else {
    params.tag = *got == 0 ? v2::GetdentsTag::end_of_directory : v2::GetdentsTag::success;
    params.payload = *got;
  }
  trace("getdents({}, {:#x}, {}) = {}", params.fd, params.buf, params.len, ret_of(got));
}

void Hypercalls::stat(v2::StatParams& params) {
  const auto path = path_at({params.name});
  const bool follows = params.kind == v2::StatKind::stat;
  const bool is_known = follows || params.kind == v2::StatKind::lstat;
  FileResult<void> result;
  if (const auto found = !path      ? std::unexpected{path.error()}
                         : is_known ? environment_.files.stat(*path, follows)
                                    : fails(Errno::inval);
      !found) {
    result = std::unexpected{found.error()};
  } else if (!environment_.memory.write({params.attr}, *found)) {
    result = fails(Errno::fault);
  }
  set_result(params, result);
  if (environment_.trace) {
    trace("{}({}, {:#x}) = {}", follows ? "stat" : "lstat", quoted(path), params.attr, ret_of(result));
  }
}

void Hypercalls::fstat(v2::FstatParams& params) {
  FileResult<void> result;
  if (const auto found = environment_.files.fstat(params.fd); !found) {
    result = std::unexpected{found.error()};
  } else if (!environment_.memory.write({params.attr}, *found)) {
    result = fails(Errno::fault);
  }
  set_result(params, result);
  trace("fstat({}, {:#x}) = {}", params.fd, params.attr, ret_of(result));
}

void Hypercalls::mkdir(v2::MkdirParams& params) {
  const auto path = path_at({params.path});
  const auto made = path ? environment_.files.mkdir(*path) : std::unexpected{path.error()};
  set_result(params, made);
  if (environment_.trace) trace("mkdir({}) = {}", quoted(path), ret_of(made));
}

void Hypercalls::serial_read(v2::SerialReadBufferParams& params) {
  environment_.serial.flush();
  const auto buffer = buffer_at({params.buf}, params.maxlen);
  const auto size = buffer ? std::min<std::uint64_t>(buffer->iov_len, kPieceSize) : 0;
  params.len = buffer ? environment_.serial.read_available({static_cast<std::byte*>(buffer->iov_base), size}) : 0;
  trace("serial_read_buffer({:#x}, {}) = {}", params.buf, params.maxlen, params.len);
}

}  // namespace hermitage::vmm
