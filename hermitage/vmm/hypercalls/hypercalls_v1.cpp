// Uhyve's interface 1: a guest writes the guest-physical address of parameters, or a byte, to a port.
#include <array>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "hermitage/vmm/hypercalls/hypercalls.hpp"
#include "hermitage/vmm/hypercalls/parameters.hpp"
#include "hermitage/vmm/hypercalls/trace.hpp"
#include "hermitage/vmm/hypercalls/virtual_buffer.hpp"

namespace hermitage::vmm {

namespace uhyve = entry::uhyve;
namespace v1 = entry::uhyve::v1;
namespace v2 = entry::uhyve::v2;

auto Hypercalls::call_v1(v1::Hypercall hypercall, std::uint32_t argument,
                         const std::function<std::optional<arch::PagingState>()>& paging) -> AccessOutcome {
  switch (hypercall) {
    case v1::Hypercall::write:
      return with_params<const v1::WriteParams>(argument, [&](const auto& params) { write_v1(params, paging()); });
    case v1::Hypercall::open: return with_params<uhyve::OpenParams>(argument, [&](auto& params) { open(params); });
    case v1::Hypercall::close: return with_params<uhyve::CloseParams>(argument, [&](auto& params) { close(params); });
    case v1::Hypercall::read:
      return with_params<v1::ReadParams>(argument, [&](auto& params) { read_v1(params, paging()); });
    case v1::Hypercall::exit:
      return with_params<const v1::ExitParams>(argument, [&](const auto& params) -> AccessOutcome {
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

template <class Transfer>
auto Hypercalls::transfer_v1(arch::VirtualAddress start, std::uint64_t size, std::optional<arch::PagingState> paging,
                             bool is_one_call, const Transfer& transfer) const -> FileResult<std::uint64_t> {
  if (!paging || size > environment_.memory.size()) return fails(Errno::fault);
  VirtualBuffer buffer{environment_.memory, *paging, start, size};
  std::uint64_t total = 0;
  while (!buffer.is_done() && continues()) {
    std::array<iovec, VirtualBuffer::kMaxBuffers>
        room;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by next()
    const auto pieces = buffer.next(room);
    const FileResult<std::uint64_t> result = pieces ? transfer(*pieces) : std::unexpected{pieces.error()};
    // Report what was transferred before the error.
    if (!result) return total > 0 ? total : result;
    total += *result;
    // After a short write, further bytes would be written after a gap.
    if (*result < total_size(*pieces) || is_one_call) break;
  }
  return total;
}

void Hypercalls::read_v1(v1::ReadParams& params, std::optional<arch::PagingState> paging) {
  const std::int32_t fd = params.fd;
  const auto read = [&](Buffers pieces) { return read_file(fd, pieces); };
  // Return available input without waiting for more.
  const auto result = transfer_v1({params.buf}, params.len, paging, fd == kStandardInput, read);
  params.ret = ret_of(result);
  trace("read({}, {:#x}, {}) = {}", fd, std::uint64_t{params.buf}, std::uint64_t{params.len}, std::int64_t{params.ret});
}

void Hypercalls::write_v1(const v1::WriteParams& params, std::optional<arch::PagingState> paging) {
  const std::int32_t fd = params.fd;
  const auto write = [&](Buffers pieces) { return write_file(fd, pieces); };
  // This interface has no field for the result.
  [[maybe_unused]] const auto result = transfer_v1({params.buf}, params.len, paging, false, write);
  trace("write({}, {:#x}, {})", fd, std::uint64_t{params.buf}, std::uint64_t{params.len});
}

void Hypercalls::lseek_v1(v1::LseekParams& params) {
  v2::LseekParams wide{.offset = params.offset, .whence = static_cast<std::uint32_t>(params.whence), .fd = params.fd};
  lseek(wide);
  params.offset = wide.offset < 0 ? -1 : wide.offset;  // this interface has no other error value
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

auto Hypercalls::cmdval(const v1::CmdvalParams& params) const -> AccessOutcome {
  const auto copy_out = [&](std::uint64_t array, const std::vector<std::string>& texts) -> AccessOutcome {
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto address = environment_.memory.read<std::uint64_t>({array + i * sizeof(std::uint64_t)});
      const auto target =
          address ? environment_.memory.span({*address}, texts[i].size() + 1) : std::unexpected{address.error()};
      if (!target) {
        return GuestFault{fmt::format("its buffer for {} is at {:#x}, outside of its memory",
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
