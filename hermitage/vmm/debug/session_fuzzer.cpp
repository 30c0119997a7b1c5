// Bytes of a debugger in pieces, and events of a guest in between. The input is a list of pieces. The first byte of
// each piece determines its kind:
//
//   0..0xbf  this number of bytes of the debugger, unchanged (Ctrl-C, half a packet, garbage)
//   0xc0..   a packet: its data are the bytes up to a newline, and its frame is correct
//   0xf0..   the guest stops or ends in some way
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "hermitage/vmm/debug/packets.hpp"
#include "hermitage/vmm/debug/session.hpp"
#include "hermitage/vmm/debug/session_testing.hpp"

namespace {

namespace debug = hermitage::vmm::debug;

constexpr unsigned kVcpus = 3;
constexpr std::uint8_t kPacket = 0xc0;
constexpr std::uint8_t kEvent = 0xf0;
constexpr std::uint8_t kEnd = 0xff;
// The limit for replies to one packet: a reply, and the output of commands in several packets.
constexpr std::size_t kMaxAnswer = 4 * debug::kMaxPacket;

void require(bool holds) {
  if (!holds) std::abort();
}

// The output consists of acknowledgements and complete packets within the limit.
void check_frames(std::string_view sent) {
  std::size_t framed_size = 0;
  std::size_t acknowledgements = 0;
  debug::PacketReader reader;
  reader.add(sent);
  while (const auto received = reader.next()) {
    if (const auto* const packet = std::get_if<debug::Packet>(&*received)) {
      const auto again = debug::framed(packet->data);
      framed_size += again.size();
      require(again.size() <= debug::kMaxPacket + 4);
      continue;
    }
    require(std::holds_alternative<debug::Acknowledged>(*received) ||
            std::holds_alternative<debug::Refused>(*received));
    ++acknowledgements;
  }
  require(framed_size + acknowledgements == sent.size());
}

auto stop_of(std::uint8_t byte) -> debug::Stop {
  constexpr unsigned kKinds = 7;
  return {.kind = static_cast<debug::Stop::Kind>(byte % kKinds),
          .vcpu = byte % kVcpus,
          .address = std::uint64_t{byte} << 56,
          .watch = static_cast<debug::BreakpointKind>(2 + byte % 3)};
}

}  // namespace

extern "C" auto LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) -> int {
  debug::FakeTarget target{kVcpus};
  std::string sent;
  std::optional<debug::Session> session;
  session.emplace(target, debug::Stop{}, [&](std::string_view bytes) { sent += bytes; });
  std::string_view input{reinterpret_cast<const char*>(data), size};
  while (!input.empty() && !session->is_over()) {
    const auto what = static_cast<std::uint8_t>(input.front());
    input.remove_prefix(1);
    sent.clear();
    const bool was_running = session->is_running();
    const int resumes = target.resumes;
    if (what == kEnd) {
      session->on_end({.exit_code = 1});
    } else if (what >= kEvent) {
      session->on_stop(stop_of(static_cast<std::uint8_t>(what - kEvent)));
      require(!session->is_running());
      require(sent.empty() != was_running);
    } else if (what >= kPacket) {
      session->receive(debug::framed(debug::take_until(input, '\n')));
    } else {
      const auto piece = input.substr(0, what);
      input.remove_prefix(piece.size());
      session->receive(piece);
      require(sent.size() <= (piece.size() + 1) * kMaxAnswer);
    }
    check_frames(sent);
    if (was_running) require(target.resumes == resumes);
    if (target.resumes != resumes) require(session->is_running() && target.actions.size() == kVcpus);
    require(!target.is_killed || session->is_over());
  }
  return 0;
}
