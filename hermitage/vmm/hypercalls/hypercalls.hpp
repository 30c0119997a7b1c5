// The hypercalls of Uhyve's interfaces 1, 2 and 3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "hermitage/entry/uhyve_interface.hpp"
#include "hermitage/entry/version.hpp"
#include "hermitage/vmm/arch/arch.hpp"
#include "hermitage/vmm/bus/device.hpp"
#include "hermitage/vmm/files/guest_files.hpp"
#include "hermitage/vmm/hypercalls/argument_vectors.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"
#include "hermitage/vmm/serial.hpp"

namespace hermitage::vmm {

// Handles hypercalls for all vCPUs of a guest. Any of their threads can call any function.
//
// A hypercall whose parameters are outside the guest memory results in GuestFault, because there is no place for an
// error code. All other errors are error codes in the parameters, if these have a field for it.
class Hypercalls {
 public:
  struct Environment {
    const GuestMemory& memory;
    GuestFiles& files;
    Serial& serial;
    const ArgumentVectors& arguments;             // interface 1
    std::function<void(std::string_view)> trace;  // receives a line for each call; can be empty
    std::function<bool()> is_stopping;            // whether the guest must end; can be empty
    std::function<void()> checkpoint = {};        // is called between two pieces of a transfer; can be empty
  };

  Hypercalls(entry::UhyveInterfaceVersion interface, Environment environment);

  [[nodiscard]] auto interface() const noexcept -> entry::UhyveInterfaceVersion { return interface_; }

  [[nodiscard]] auto memory() const noexcept -> const GuestMemory& { return environment_.memory; }

  // The I/O ports of an interface.
  [[nodiscard]] static auto ports(entry::UhyveInterfaceVersion interface) noexcept -> std::span<const std::uint16_t>;
  // Whether this port is one of the guest's interface.
  [[nodiscard]] auto knows(std::uint16_t port) const noexcept -> bool;
  // The name of the hypercall of a port, such as "open"; "" if the port has no hypercall.
  [[nodiscard]] static auto name(entry::UhyveInterfaceVersion interface, std::uint16_t port) noexcept
      -> std::string_view;
  // The beginning of the names in statistics.
  static constexpr std::string_view kExitPrefix = "hypercall ";
  // The same for statistics: "hypercall open", a string literal; null if the port has no hypercall.
  [[nodiscard]] static auto exit_name(entry::UhyveInterfaceVersion interface, std::uint16_t port) noexcept -> const
      char*;

  // `argument` is the value that the guest passes: with interface 1 the 32 bits that it writes to the port, with 2 and
  // 3 its hypercall register. `paging` returns how the calling vCPU translates addresses. Only hypercalls that need it
  // call it. Precondition: knows(port).
  [[nodiscard]] auto call(std::uint16_t port, std::uint64_t argument,
                          const std::function<std::optional<arch::PagingState>()>& paging) -> AccessOutcome;

  // The result of reading from a port of interface 2 or 3: a byte of standard input for serial_read_byte, or 0 if there
  // is none.
  [[nodiscard]] auto read_port(std::uint16_t port) -> std::uint8_t;

 private:
  using Buffers = std::span<const iovec>;

  [[nodiscard]] auto call_v1(entry::uhyve::v1::Hypercall hypercall, std::uint32_t argument,
                             const std::function<std::optional<arch::PagingState>()>& paging) -> AccessOutcome;
  [[nodiscard]] auto call_v2(entry::uhyve::v2::Hypercall hypercall, std::uint64_t argument) -> AccessOutcome;

  // Copies the parameters in, calls `answer` with the copy, and copies it back.
  template <class Params, class Answer>
  [[nodiscard]] auto with_params(std::uint64_t address, Answer&& answer) -> AccessOutcome;

  [[nodiscard]] auto path_at(GuestAddress address) const -> FileResult<std::string>;
  [[nodiscard]] auto buffer_at(GuestAddress address, std::uint64_t size) const -> FileResult<iovec>;

  // Whether a transfer continues after a piece. Waits while the guest is paused.
  [[nodiscard]] auto continues() const -> bool;
  // Calls `transfer` for one piece after the other, until one is short or the guest must end.
  template <class Transfer>
  [[nodiscard]] auto in_pieces(const iovec& buffer, const Transfer& transfer) const -> FileResult<std::uint64_t>;
  [[nodiscard]] auto read_file(std::int32_t descriptor, Buffers buffers) -> FileResult<std::uint64_t>;
  [[nodiscard]] auto write_file(std::int32_t descriptor, Buffers buffers) -> FileResult<std::uint64_t>;
  [[nodiscard]] auto write_serial(GuestAddress address, std::uint64_t size) -> AccessOutcome;

  void open(entry::uhyve::OpenParams& params);
  void close(entry::uhyve::CloseParams& params);
  void unlink(entry::uhyve::UnlinkParams& params);
  void read(entry::uhyve::v2::ReadParams& params);
  void write(entry::uhyve::v2::WriteParams& params);
  void lseek(entry::uhyve::v2::LseekParams& params);
  void getdents(entry::uhyve::v2::GetdentsParams& params);
  void stat(entry::uhyve::v2::StatParams& params);
  void fstat(entry::uhyve::v2::FstatParams& params);
  void mkdir(entry::uhyve::v2::MkdirParams& params);
  void serial_read(entry::uhyve::v2::SerialReadBufferParams& params);

  void read_v1(entry::uhyve::v1::ReadParams& params, std::optional<arch::PagingState> paging);
  void write_v1(const entry::uhyve::v1::WriteParams& params, std::optional<arch::PagingState> paging);
  // As in_pieces(), for a buffer of guest-virtual pages. Each call of `transfer` gets several of them. With
  // `is_one_call`, there is only one call.
  template <class Transfer>
  [[nodiscard]] auto transfer_v1(arch::VirtualAddress start, std::uint64_t size,
                                 std::optional<arch::PagingState> paging, bool is_one_call,
                                 const Transfer& transfer) const -> FileResult<std::uint64_t>;
  void lseek_v1(entry::uhyve::v1::LseekParams& params);
  void cmdsize(entry::uhyve::v1::CmdsizeParams& params) const;
  [[nodiscard]] auto cmdval(const entry::uhyve::v1::CmdvalParams& params) const -> AccessOutcome;

  template <class... Values>
  void trace(std::string_view format, const Values&... values) const;

  entry::UhyveInterfaceVersion interface_;
  Environment environment_;
};

}  // namespace hermitage::vmm
