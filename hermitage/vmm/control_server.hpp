// Serves commands for a running guest: see hermitage/base/control.hpp.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "hermitage/base/control.hpp"
#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/event.hpp"
#include "hermitage/vmm/pause_gate.hpp"

namespace hermitage::vmm {

class ControlServer {
 public:
  // The time that a client has for its line, and again for reading the answer.
  static constexpr std::chrono::seconds kClientTime{2};

  struct Guest {
    std::function<PauseOutcome()> pause;
    std::function<void()> resume;
    std::function<Result<std::string>()> statistics;  // while the guest is paused
    std::function<Result<std::string>()> hypercalls;  // while the guest is paused
    std::function<Result<void>(int file)> save;
    std::function<bool()> is_stopping;  // whether the run ends
  };

  // `listener` is a non-blocking socket that listens.
  [[nodiscard]] static auto make(Descriptor listener) -> Result<std::unique_ptr<ControlServer>>;

  // Makes run() check whether the run ends. Any thread and any signal handler can call it.
  void call_back() const noexcept { event_.signal(); }

  // Serves one client after another. Returns when the run ends. A pause by a client lasts until then, or until another
  // client ends it.
  void run(const Guest& guest);

 private:
  using Clock = std::chrono::steady_clock;

  struct Request {
    std::string line = {};  // without the newline
    Descriptor file = {};
  };

  ControlServer(Descriptor listener, Event event) noexcept : listener_{std::move(listener)}, event_{std::move(event)} {}

  void serve(int client, const Guest& guest);
  // Nothing if the client sends no line in time, or ends the connection.
  [[nodiscard]] auto receive(int client, const Guest& guest) const -> std::optional<Request>;
  [[nodiscard]] auto wait_for(int client, short events, Clock::time_point limit, const Guest& guest) const -> bool;
  void send(int client, std::string_view bytes, const Guest& guest) const;

  [[nodiscard]] auto answer(const Request& request, const Guest& guest) -> Result<std::string>;
  [[nodiscard]] auto pause(const Guest& guest) -> Result<std::string>;
  [[nodiscard]] auto resume(const Guest& guest) -> Result<std::string>;
  [[nodiscard]] auto save(const Request& request, const Guest& guest) const -> Result<std::string>;

  Descriptor listener_;
  Event event_;
  bool is_paused_ = false;  // by a client
};

}  // namespace hermitage::vmm
