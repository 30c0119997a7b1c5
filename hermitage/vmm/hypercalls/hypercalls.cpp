#include "hermitage/vmm/hypercalls/hypercalls.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hermitage/entry/utf8.hpp"

namespace hermitage::vmm {
namespace {

namespace uhyve = entry::uhyve;
namespace v1 = entry::uhyve::v1;
namespace v2 = entry::uhyve::v2;
using x86_64::PagingState;
using x86_64::VirtualAddress;

constexpr std::int32_t kStandardInput = 0;
constexpr std::int32_t kStandardOutput = 1;
constexpr std::int32_t kStandardError = 2;

// As much as Linux reads or writes at a time.
constexpr std::uint64_t kMaxTransfer = 0x7fff'f000;
// How much of a transfer is one call of the host's, which nothing interrupts: a few milliseconds.
constexpr std::uint64_t kPieceSize = std::uint64_t{16} << 20;
// How much of a directory is listed at a time, for the same reason.
constexpr std::uint64_t kMaxListing = std::uint64_t{1} << 20;
// How many pages of a virtual buffer are handed to the host at a time.
constexpr std::size_t kMaxBuffers = 64;
// Traces show the beginning of a text only.
constexpr std::size_t kTracedBytes = 64;

constexpr std::array kNamesV1{
    std::pair{v1::Hypercall::write, std::string_view{"write"}},
    std::pair{v1::Hypercall::open, std::string_view{"open"}},
    std::pair{v1::Hypercall::close, std::string_view{"close"}},
    std::pair{v1::Hypercall::read, std::string_view{"read"}},
    std::pair{v1::Hypercall::exit, std::string_view{"exit"}},
    std::pair{v1::Hypercall::lseek, std::string_view{"lseek"}},
    std::pair{v1::Hypercall::cmdsize, std::string_view{"cmdsize"}},
    std::pair{v1::Hypercall::cmdval, std::string_view{"cmdval"}},
    std::pair{v1::Hypercall::uart, std::string_view{"uart"}},
    std::pair{v1::Hypercall::unlink, std::string_view{"unlink"}},
    std::pair{v1::Hypercall::serial_write_buffer, std::string_view{"serial_write_buffer"}},
};

constexpr std::array kNamesV2{
    std::pair{v2::Hypercall::exit, std::string_view{"exit"}},
    std::pair{v2::Hypercall::serial_write_byte, std::string_view{"serial_write_byte"}},
    std::pair{v2::Hypercall::serial_write_buffer, std::string_view{"serial_write_buffer"}},
    std::pair{v2::Hypercall::serial_read_byte, std::string_view{"serial_read_byte"}},
    std::pair{v2::Hypercall::serial_read_buffer, std::string_view{"serial_read_buffer"}},
    std::pair{v2::Hypercall::write, std::string_view{"write"}},
    std::pair{v2::Hypercall::open, std::string_view{"open"}},
    std::pair{v2::Hypercall::close, std::string_view{"close"}},
    std::pair{v2::Hypercall::read, std::string_view{"read"}},
    std::pair{v2::Hypercall::lseek, std::string_view{"lseek"}},
    std::pair{v2::Hypercall::unlink, std::string_view{"unlink"}},
    std::pair{v2::Hypercall::getdents, std::string_view{"getdents"}},
    std::pair{v2::Hypercall::stat, std::string_view{"stat"}},
    std::pair{v2::Hypercall::fstat, std::string_view{"fstat"}},
    std::pair{v2::Hypercall::mkdir, std::string_view{"mkdir"}},
};

// The calls from getdents on came with interface 3.
constexpr bool is_since_interface_3(std::uint16_t port) {
  return port >= std::to_underlying(v2::Hypercall::getdents);
}

template <class Names>
constexpr auto find_name(const Names& names, std::uint16_t port) -> std::string_view {
  for (const auto& [hypercall, name] : names) {
    if (std::to_underlying(hypercall) == port) return name;
  }
  return {};
}

auto negative(Errno error) -> std::int32_t {
  return -std::to_underlying(error);
}

// What goes into a `ret` field: the value, or the negative error.
template <class Value>
auto ret_of(const FileResult<Value>& result) -> std::int64_t {
  if constexpr (std::is_void_v<Value>) {
    return result ? 0 : negative(result.error());
  } else {
    return result ? static_cast<std::int64_t>(*result) : negative(result.error());
  }
}

// What goes into a tagged result.
template <class Params, class Value>
void set_result(Params& params, const FileResult<Value>& result) {
  params.tag = result ? v2::ResultTag::success : v2::ResultTag::error;
  params.error = result ? 0 : std::to_underlying(result.error());
}

auto quoted(std::string_view text) -> std::string {
  std::string result = "\"";
  for (const char character : text.substr(0, kTracedBytes)) {
    const auto byte = static_cast<unsigned char>(character);
    if (character == '\n') {
      result += "\\n";
    } else if (character == '"' || character == '\\') {
      result += {'\\', character};
    } else if (byte < 0x20 || byte >= 0x7f) {
      result += fmt::format("\\x{:02x}", byte);
    } else {
      result += character;
    }
  }
  return result + (text.size() > kTracedBytes ? "\"…" : "\"");
}

auto quoted(const FileResult<std::string>& text) -> std::string {
  return text ? quoted(std::string_view{*text}) : "(no text)";
}

auto quoted(const std::vector<std::string>& texts) -> std::string {
  std::string list;
  for (const auto& text : texts) list += (list.empty() ? "" : ", ") + quoted(std::string_view{text});
  return list;
}

auto flags_text(std::int32_t flags) -> std::string {
  constexpr std::array kNames{std::pair{uhyve::kOpenCreate, "|O_CREAT"}, std::pair{uhyve::kOpenExclusive, "|O_EXCL"},
                              std::pair{uhyve::kOpenTruncate, "|O_TRUNC"}, std::pair{uhyve::kOpenAppend, "|O_APPEND"},
                              std::pair{uhyve::kOpenDirectory, "|O_DIRECTORY"}};
  constexpr std::array kModes{"O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"};
  std::string text = kModes[static_cast<std::size_t>(flags & 3)];
  for (const auto& [flag, name] : kNames) {
    if ((flags & flag) != 0) text += name;
  }
  const auto rest = flags & ~(uhyve::kOpenFlags | 3);
  return rest == 0 ? text : fmt::format("{}|{:#x}", text, rest);
}

// The host's memory behind a virtual buffer: pages that follow one another there, too, are one piece.
class VirtualBuffer {
 public:
  VirtualBuffer(const GuestMemory& memory, PagingState paging, VirtualAddress start, std::uint64_t size)
      : memory_{memory}, paging_{paging}, next_{start}, left_{std::min(size, kMaxTransfer)} {}

  [[nodiscard]] auto is_done() const -> bool { return left_ == 0; }

  // The next pieces; EFAULT when the first page is not there. An error behind that ends them early.
  auto next(std::array<iovec, kMaxBuffers>& room) -> FileResult<std::span<const iovec>> {
    std::size_t count = 0;
    std::uint64_t room_left = kPieceSize;
    while (count < room.size() && left_ > 0 && room_left > 0) {
      const auto translation = x86_64::translate(memory_, paging_, next_);
      const auto size = translation ? std::min({translation->size, left_, room_left}) : 0;
      const auto bytes =
          translation ? memory_.span(translation->address, size) : std::unexpected{OutsideMemory{{next_.value}, left_}};
      if (!bytes && count == 0) return fails(Errno::fault);
      if (!bytes) break;
      if (count > 0 && end_of(room[count - 1]) == bytes->data()) {
        room[count - 1].iov_len += bytes->size();
      } else {
        room[count++] = {.iov_base = bytes->data(), .iov_len = bytes->size()};
      }
      next_.value += size;
      left_ -= size;
      room_left -= size;
    }
    return std::span<const iovec>{room.data(), count};
  }

 private:
  static auto end_of(const iovec& piece) -> const std::byte* {
    return static_cast<const std::byte*>(piece.iov_base) + piece.iov_len;
  }

  const GuestMemory& memory_;
  PagingState paging_;
  VirtualAddress next_;
  std::uint64_t left_;
};

}  // namespace

Hypercalls::Hypercalls(entry::UhyveInterfaceVersion interface, Environment environment)
    : interface_{interface}, environment_{std::move(environment)} {}

auto Hypercalls::name(entry::UhyveInterfaceVersion interface, std::uint16_t port) noexcept -> std::string_view {
  if (interface.value == 1) return find_name(kNamesV1, port);
  if (interface.value == 2 && is_since_interface_3(port)) return {};
  return find_name(kNamesV2, port);
}

auto Hypercalls::knows(std::uint16_t port) const noexcept -> bool {
  return !name(interface_, port).empty();
}

auto Hypercalls::call(std::uint16_t port, std::uint64_t argument,
                      const std::function<std::optional<PagingState>()>& paging) -> HypercallOutcome {
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

auto Hypercalls::call_v1(v1::Hypercall hypercall, std::uint32_t argument,
                         const std::function<std::optional<PagingState>()>& paging) -> HypercallOutcome {
  switch (hypercall) {
    case v1::Hypercall::write:
      return with_params<const v1::WriteParams>(argument, [&](const auto& params) { write_v1(params, paging()); });
    case v1::Hypercall::open: return with_params<uhyve::OpenParams>(argument, [&](auto& params) { open(params); });
    case v1::Hypercall::close: return with_params<uhyve::CloseParams>(argument, [&](auto& params) { close(params); });
    case v1::Hypercall::read:
      return with_params<v1::ReadParams>(argument, [&](auto& params) { read_v1(params, paging()); });
    case v1::Hypercall::exit:
      return with_params<const v1::ExitParams>(argument, [&](const auto& params) -> HypercallOutcome {
        const std::int32_t code = params.code;
        trace("exit({})", code);
        return GuestExit{code};
      });
    case v1::Hypercall::lseek: return with_params<v1::LseekParams>(argument, [&](auto& params) { lseek_v1(params); });
    case v1::Hypercall::cmdsize:
      return with_params<v1::CmdsizeParams>(argument, [&](auto& params) { cmdsize(params); });
    case v1::Hypercall::cmdval:
      return with_params<const v1::CmdvalParams>(argument, [&](const auto& params) { return cmdval(params); });
    case v1::Hypercall::uart: {
      const auto byte = static_cast<std::byte>(argument);
      trace("uart({:#04x})", std::to_integer<unsigned>(byte));
      environment_.serial.write({&byte, 1});
      return Resume{};
    }
    case v1::Hypercall::unlink:
      return with_params<uhyve::UnlinkParams>(argument, [&](auto& params) { unlink(params); });
    case v1::Hypercall::serial_write_buffer:
      return with_params<const v1::SerialWriteBufferParams>(
          argument, [&](const auto& params) { return write_serial({params.buf}, params.len); });
  }
  return Resume{};
}

auto Hypercalls::call_v2(v2::Hypercall hypercall, std::uint64_t argument) -> HypercallOutcome {
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

template <class Params, class Answer>
auto Hypercalls::with_params(std::uint64_t address, Answer&& answer) -> HypercallOutcome {
  auto params = environment_.memory.read<std::remove_const_t<Params>>({address});
  if (!params) {
    return BadHypercall{fmt::format("its parameters are at {:#x}, where it has no memory", address)};
  }
  if constexpr (std::is_void_v<std::invoke_result_t<Answer, Params&>>) {
    std::forward<Answer>(answer)(static_cast<Params&>(*params));
  } else {
    return std::forward<Answer>(answer)(static_cast<Params&>(*params));
  }
  if constexpr (!std::is_const_v<Params>) {
    // Where it was read, it can be written.
    [[maybe_unused]] const auto written = environment_.memory.write({address}, *params);
  }
  return Resume{};
}

template <class... Values>
void Hypercalls::trace(std::string_view format, const Values&... values) const {
  if (environment_.trace) environment_.trace(fmt::format(fmt::runtime(format), values...));
}

auto Hypercalls::path_at(GuestAddress address) const -> FileResult<std::string> {
  if (!environment_.memory.span(address, 1)) return fails(Errno::fault);
  auto text = environment_.memory.read_text(address, GuestFiles::kMaxPath);
  if (text && !entry::is_utf8(*text)) return fails(Errno::inval);
  if (text) return std::move(*text);
  // It ends behind the longest path, or not before the memory does.
  return std::unexpected{environment_.memory.span(address, GuestFiles::kMaxPath) ? Errno::nametoolong : Errno::fault};
}

auto Hypercalls::buffer_at(GuestAddress address, std::uint64_t size) const -> FileResult<iovec> {
  if (size == 0) return iovec{};
  const auto bytes = environment_.memory.span(address, size);
  if (!bytes) return fails(Errno::fault);
  return iovec{.iov_base = bytes->data(), .iov_len = std::min<std::uint64_t>(bytes->size(), kMaxTransfer)};
}

auto Hypercalls::is_stopping() const -> bool {
  return environment_.is_stopping && environment_.is_stopping();
}

template <class Transfer>
auto Hypercalls::in_pieces(const iovec& buffer, const Transfer& transfer) const -> FileResult<std::uint64_t> {
  std::uint64_t total = 0;
  do {
    const iovec piece{.iov_base = static_cast<std::byte*>(buffer.iov_base) + total,
                      .iov_len = std::min<std::uint64_t>(buffer.iov_len - total, kPieceSize)};
    const FileResult<std::uint64_t> result = transfer(Buffers{&piece, 1});
    if (!result && total == 0) return result;
    if (!result) break;
    total += *result;
    if (*result < piece.iov_len) break;
  } while (total < buffer.iov_len && !is_stopping());
  return total;
}

auto Hypercalls::read_file(std::int32_t descriptor, Buffers buffers) -> FileResult<std::uint64_t> {
  if (descriptor == kStandardOutput || descriptor == kStandardError) return fails(Errno::badf);
  if (descriptor != kStandardInput) return environment_.files.read(descriptor, buffers);
  environment_.serial.flush();  // a prompt is on the screen before the guest waits for the answer
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

auto Hypercalls::write_serial(GuestAddress address, std::uint64_t size) -> HypercallOutcome {
  if (size == 0) return Resume{};  // an empty buffer may be anywhere
  const auto bytes = environment_.memory.span(address, size);
  if (!bytes) {
    return BadHypercall{fmt::format("it prints {} bytes at {:#x}, where it has no memory", size, address.value)};
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
  // Closing a standard stream does nothing: the monitor needs them still.
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

void Hypercalls::read(v2::ReadParams& params) {
  auto buffer = buffer_at({params.buf}, params.len);
  const auto read = [&](Buffers piece) { return read_file(params.fd, piece); };
  // A second piece of standard input would be waited for although there is something already.
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

void Hypercalls::read_v1(v1::ReadParams& params, std::optional<PagingState> paging) {
  FileResult<std::uint64_t> result = 0;
  std::uint64_t total = 0;
  const bool is_possible = paging && params.len <= environment_.memory.size();
  VirtualBuffer buffer{environment_.memory, paging.value_or(PagingState{}), {params.buf}, params.len};
  while (is_possible && result && !buffer.is_done()) {
    if (is_stopping()) break;
    std::array<iovec, kMaxBuffers> room;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by next()
    const auto pieces = buffer.next(room);
    result = pieces ? read_file(params.fd, *pieces) : std::unexpected{pieces.error()};
    if (!result) break;
    total += *result;
    if (*result < total_size(*pieces) || params.fd == kStandardInput) break;
  }
  if (!is_possible) result = fails(Errno::fault);
  // Report a partial read before the error.
  params.ret = total > 0 ? static_cast<std::int64_t>(total) : ret_of(result);
  trace("read({}, {:#x}, {}) = {}", std::int32_t{params.fd}, std::uint64_t{params.buf}, std::uint64_t{params.len},
        std::int64_t{params.ret});
}

void Hypercalls::write_v1(const v1::WriteParams& params, std::optional<PagingState> paging) {
  FileResult<std::uint64_t> result = 0;
  const bool is_possible = paging && params.len <= environment_.memory.size();
  VirtualBuffer buffer{environment_.memory, paging.value_or(PagingState{}), {params.buf}, params.len};
  while (is_possible && result && !buffer.is_done()) {
    if (is_stopping()) break;
    std::array<iovec, kMaxBuffers> room;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by next()
    const auto pieces = buffer.next(room);
    result = pieces ? write_file(params.fd, *pieces) : std::unexpected{pieces.error()};
    // What follows a short write would land behind a gap.
    if (result && *result < total_size(*pieces)) break;
  }
  trace("write({}, {:#x}, {})", std::int32_t{params.fd}, std::uint64_t{params.buf}, std::uint64_t{params.len});
}

void Hypercalls::lseek_v1(v1::LseekParams& params) {
  v2::LseekParams wide{.offset = params.offset, .whence = static_cast<std::uint32_t>(params.whence), .fd = params.fd};
  lseek(wide);
  params.offset = wide.offset < 0 ? -1 : wide.offset;  // this interface knows no other error
}

void Hypercalls::cmdsize(v1::CmdsizeParams& params) const {
  const auto& [arguments, environment] = environment_.arguments;
  params = {};
  params.argc = static_cast<std::int32_t>(arguments.size());
  params.envc = static_cast<std::int32_t>(environment.size());
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    params.argsz[i] = static_cast<std::int32_t>(arguments[i].size() + 1);
  }
  for (std::size_t i = 0; i < environment.size(); ++i) {
    params.envsz[i] = static_cast<std::int32_t>(environment[i].size() + 1);
  }
  trace("cmdsize() = {} arguments, {} variables", arguments.size(), environment.size());
}

auto Hypercalls::cmdval(const v1::CmdvalParams& params) const -> HypercallOutcome {
  const auto copy_out = [&](std::uint64_t array, const std::vector<std::string>& texts) -> HypercallOutcome {
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto address = environment_.memory.read<std::uint64_t>({array + i * sizeof(std::uint64_t)});
      const auto target =
          address ? environment_.memory.span({*address}, texts[i].size() + 1) : std::unexpected{address.error()};
      if (!target) {
        return BadHypercall{fmt::format("its room for {} is at {:#x}, where it has no memory",
                                        quoted(std::string_view{texts[i]}), target.error().address.value)};
      }
      std::memcpy(target->data(), texts[i].c_str(), target->size());
    }
    return Resume{};
  };
  const auto& [arguments, environment] = environment_.arguments;
  if (environment_.trace) {
    trace("cmdval({:#x}, {:#x}) = [{}], [{}]", std::uint64_t{params.argv}, std::uint64_t{params.envp},
          quoted(arguments), quoted(environment));
  }
  auto outcome = copy_out(params.argv, arguments);
  if (!std::holds_alternative<Resume>(outcome)) return outcome;
  return copy_out(params.envp, environment);
}

}  // namespace hermitage::vmm
