// A debugger's session in GDB's remote protocol (GDB's manual, appendix E), with lldb's extensions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "hermitage/vmm/debug/packets.hpp"
#include "hermitage/vmm/debug/target.hpp"

namespace hermitage::vmm::debug {

// One connection. Every packet gets a reply, whatever the debugger sends: a result, an error, or the empty reply for an
// unknown packet.
class Session {
 public:
  // `send` receives all bytes for the debugger, including acknowledgements. `stop` is the reason why the guest is
  // stopped.
  Session(Target& target, const Stop& stop, std::function<void(std::string_view)> send);

  // Handles bytes of the debugger, in pieces of any size.
  void receive(std::string_view bytes);
  // Reports that the guest has stopped after Target::resume().
  void on_stop(const Stop& stop);
  void on_end(const Ended& ended);

  // The debugger expects no more replies: it has detached or ended the guest.
  [[nodiscard]] auto is_over() const noexcept -> bool { return is_over_; }
  // At least one complete packet has been received.
  [[nodiscard]] auto has_had_packet() const noexcept -> bool { return has_had_packet_; }
  // The guest continues after the session.
  [[nodiscard]] auto is_running() const noexcept -> bool { return is_running_; }

 private:
  // The threads that a packet refers to.
  struct ThreadOf {
    std::optional<unsigned> vcpu;  // none: all vCPUs
  };

  void handle(const Received& received);
  void handle_packet(std::string_view packet);
  [[nodiscard]] auto answer(std::string_view packet) -> std::optional<std::string>;
  [[nodiscard]] auto answer_query(std::string_view packet) -> std::string;
  [[nodiscard]] auto answer_v(std::string_view packet) -> std::optional<std::string>;
  [[nodiscard]] auto answer_file(std::string_view packet) const -> std::string;

  [[nodiscard]] auto supported(std::string_view offered) -> std::string;
  [[nodiscard]] auto transfer(std::string_view words) const -> std::string;
  [[nodiscard]] auto thread_list() const -> std::string;
  [[nodiscard]] auto library_list() const -> std::string;
  [[nodiscard]] auto stop_reply() const -> std::string;

  [[nodiscard]] auto read_registers(unsigned vcpu) const -> std::string;
  [[nodiscard]] auto write_registers(unsigned vcpu, std::string_view digits) -> std::string;
  [[nodiscard]] auto read_register(unsigned vcpu, std::string_view number) const -> std::string;
  [[nodiscard]] auto write_register(unsigned vcpu, std::string_view words) -> std::string;
  [[nodiscard]] auto read_memory(std::string_view words, bool is_binary) const -> std::string;
  [[nodiscard]] auto write_memory(std::string_view words, bool is_binary) -> std::string;
  [[nodiscard]] auto change_breakpoint(std::string_view packet) -> std::string;
  [[nodiscard]] auto describe_region(std::string_view address) const -> std::string;

  [[nodiscard]] auto select(std::string_view words) -> std::string;
  [[nodiscard]] auto resume_one(std::string_view words, Action::Kind kind) -> std::optional<std::string>;
  [[nodiscard]] auto resume_by_actions(std::string_view actions) -> std::optional<std::string>;
  void resume(std::span<const Action> actions);

  // Parses a thread number: the number of the vCPU plus 1, -1 for all, 0 for any. Returns nothing if there is no such
  // thread.
  [[nodiscard]] auto parse_thread(std::string_view text) const -> std::optional<ThreadOf>;
  // Removes lldb's suffix `;thread:N;` from a packet, and returns that thread. Without a suffix, returns the selected
  // thread.
  [[nodiscard]] auto take_thread(std::string_view& packet) const -> unsigned;

  void reply(std::string_view data);

  Target& target_;
  Stop stop_;
  std::function<void(std::string_view)> send_;
  PacketReader reader_;
  std::string last_reply_;
  unsigned vcpu_;          // for registers and memory
  unsigned resumed_vcpu_;  // for `s` and `c` without a thread
  bool acknowledges_ = true;
  bool wants_reasons_ = false;  // of stops at breakpoints, by name
  // lldb, which finds the kernel's file in the list of libraries. gdb finds it by exec-file, and would load it twice.
  bool wants_libraries_ = false;
  bool is_running_ = false;
  bool is_over_ = false;
  bool has_had_packet_ = false;
};

}  // namespace hermitage::vmm::debug
