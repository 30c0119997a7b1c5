#include "hermitage/vmm/debug/debugger.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hermitage/vmm/debug/hex.hpp"
#include "hermitage/vmm/vcpu.hpp"

namespace hermitage::vmm::debug {
namespace {

using Register = kvm::HardwareBreakpoint;

constexpr std::size_t kReceiveSize = 16384;

constexpr const char* kHelp =
    "regs            the registers of the vCPU\n"
    "stats           what the vCPU has left the guest for\n"
    "hypercalls      the last hypercalls of the vCPU\n"
    "trace on|off    print every hypercall on the monitor's standard error, or stop\n"
    "pagetable ADDR  where a guest-virtual address leads\n"
    "quit            end the guest\n";

}  // namespace

auto Debugger::make(DebugOptions options, unsigned vcpus) -> Result<std::unique_ptr<Debugger>> {
  auto stops = VcpuStops::make(vcpus);
  if (!stops) return std::unexpected{stops.error()};
  auto events = EventLoop::make();
  if (!events) return std::unexpected{events.error()};
  auto wakeup = Event::make();
  if (!wakeup) return std::unexpected{wakeup.error()};
  const auto kvm = kvm::Kvm::open(options.kvm);
  if (!kvm) return std::unexpected{kvm.error()};
  const auto support = kvm::probe_breakpoints(*kvm);
  if (!support) return std::unexpected{support.error()};
  std::unique_ptr<Debugger> debugger{
      new Debugger{std::move(options), std::move(*stops), std::move(*events), std::move(*wakeup)}};
  debugger->support_ = *support;
  debugger->debug_registers_ = DebugRegisters{*support};
  if (auto watched = debugger->watch_events(); !watched) return std::unexpected{watched.error()};
  return debugger;
}

Debugger::Debugger(DebugOptions options, std::unique_ptr<VcpuStops> stops, EventLoop events, Event wakeup)
    : options_{std::move(options)},
      stops_{std::move(stops)},
      events_{std::move(events)},
      wakeup_{std::move(wakeup)},
      last_stop_{.kind = Stop::Kind::step} {}

auto Debugger::watch_events() -> Result<void> {
  auto added = events_.add(wakeup_.descriptor(), EPOLLIN, [this](std::uint32_t) { wakeup_.clear(); });
  if (!added) return added;
  added = events_.add(stops_->reported().descriptor(), EPOLLIN, [this](std::uint32_t) { on_reports(); });
  if (!added) return added;
  return events_.add(listener(), EPOLLIN, [this](std::uint32_t) { accept(); });
}

void Debugger::set_guest(Guest guest) {
  guest_.emplace(std::move(guest));
  breakpoints_.emplace(guest_->memory);
  states_.resize(guest_->vcpus.size());
  // No vCPU runs yet, so this does not wait.
  if (options_.waits) [[maybe_unused]]
    const bool is_paused = pause_guest();
}

void Debugger::run(const std::function<bool()>& is_stopping) {
  thread_ = ::gettid();
  is_stopping_ = is_stopping;
  while (!is_stopping()) events_.wait(std::nullopt);
  if (session_) session_->on_end(guest_->ended());
  session_.reset();
  connection_ = Descriptor{};
  thread_ = 0;
}

void Debugger::call_back() noexcept {
  wakeup_.signal();
  if (const auto thread = thread_.load(); thread != 0) ::tgkill(::getpid(), thread, call_back_signal());
}

auto Debugger::descriptors() const -> std::vector<int> {
  auto result = stops_->descriptors();
  for (const auto* const vcpu : guest_->vcpus) result.push_back(vcpu->descriptor());
  result.push_back(listener());
  result.push_back(events_.descriptor());
  result.push_back(wakeup_.descriptor());
  return result;
}

// ---- Connection

void Debugger::await_debugger() {
  [[maybe_unused]] const auto added = events_.add(listener(), EPOLLIN, [this](std::uint32_t) { accept(); });
}

void Debugger::accept() {
  Descriptor connection{::accept4(listener(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
  if (!connection.is_open()) return;
  found_running_ = !is_paused_;
  stops_->set_attached(true);
  if (!pause_guest() || !events_.add(connection.get(), EPOLLIN, [this](std::uint32_t) { receive(); })) {
    stops_->set_attached(false);
    if (found_running_ && is_paused_) leave();
    return;
  }
  events_.remove(listener());
  connection_ = std::move(connection);
  session_.emplace(*this, last_stop_, [this](std::string_view bytes) { send(bytes); });
}

void Debugger::receive() {
  std::array<char, kReceiveSize> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by recvmsg
  iovec target{.iov_base = buffer.data(), .iov_len = buffer.size()};
  msghdr message{};
  message.msg_iov = &target;
  message.msg_iovlen = 1;
  const auto size = ::recvmsg(connection_.get(), &message, 0);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size > 0) session_->receive({buffer.data(), static_cast<std::size_t>(size)});
  if (size <= 0 || session_->is_over()) end_session();
}

void Debugger::end_session() {
  // A client that has sent no complete packet was not a debugger.
  leaves_ = session_->is_running() || (found_running_ && !session_->has_had_packet());
  events_.remove(connection_.get());
  session_.reset();
  connection_ = Descriptor{};
  stops_->set_attached(false);
  wants_interrupt_ = false;
  if (leaves_) return on_reports();
  remove_all();
  await_debugger();
}

// A debugger that does not read blocks only its own connection.
void Debugger::send(std::string_view bytes) {
  constexpr int kLookMilliseconds = 100;
  while (!bytes.empty()) {
    iovec source{.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
    msghdr message{};
    message.msg_iov = &source;
    message.msg_iovlen = 1;
    const auto sent = ::sendmsg(connection_.get(), &message, MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN || is_stopping_()) return;
    pollfd writable{.fd = connection_.get(), .events = POLLOUT, .revents = 0};
    ::poll(&writable, 1, kLookMilliseconds);
  }
}

// ---- Stopping

// Returns false if the run ends, or a vCPU is in a call of the host that does not return.
auto Debugger::pause_guest() -> bool {
  if (is_paused_) return true;
  if (guest_->pause() != PauseOutcome::paused) return false;
  is_paused_ = true;
  // Reports of vCPUs that stopped during the pause. No further ones can follow now.
  for (const auto& report : stops_->take_reports()) reports_.push_back(report);
  breakpoints_->put_back();
  return true;
}

void Debugger::interrupt() {
  wants_interrupt_ = true;
  stops_->reported().signal();
}

void Debugger::on_reports() {
  for (const auto& report : stops_->take_reports()) reports_.push_back(report);
  if (reports_.empty() && !wants_interrupt_ && !leaves_) return;
  const bool is_awaited = leaves_ || (session_ && session_->is_running());
  if (is_paused_ && !is_awaited) return;                   // until the debugger continues the guest
  if (!pause_guest()) return stops_->reported().signal();  // try again soon
  if (!session_) return leave();
  if (const auto vcpu = std::exchange(steps_over_, std::nullopt)) {
    // The completed step over the breakpoint is reported only to a debugger that requested a step.
    const bool was_asked_for = states_[*vcpu].action.kind == Action::Kind::step;
    std::erase_if(reports_, [&](const Report& report) {
      return report.vcpu == *vcpu && !report.is_crash && report.event.kind == kvm::DebugEvent::Kind::step &&
             !was_asked_for;
    });
  }
  const auto stop = take_stop();
  if (!stop) return let_go();
  last_stop_ = *stop;
  session_->on_stop(*stop);
}

// The first stop to report to the debugger. Other vCPUs that reached breakpoints at the same time reach them again
// later. The debugger can see the places of vCPUs that have made a step.
auto Debugger::take_stop() -> std::optional<Stop> {
  while (!reports_.empty()) {
    const auto report = reports_.front();
    reports_.erase(reports_.begin());
    auto stop = stop_of(report);
    if (continues(stop)) continue;
    // After a step, a debugger can request another one, but not after an interrupt.
    if (stop.kind == Stop::Kind::step && wants_interrupt_) stop.kind = Stop::Kind::interrupted;
    std::erase_if(reports_, [this](const Report& other) {
      const auto kind = stop_of(other).kind;
      return kind == Stop::Kind::breakpoint || kind == Stop::Kind::hardware || kind == Stop::Kind::step;
    });
    states_[stop.vcpu].stop = stop.kind;
    states_[stop.vcpu].stopped_at = program_counter_of(stop.vcpu);
    wants_interrupt_ = false;
    return stop;
  }
  if (!std::exchange(wants_interrupt_, false)) return std::nullopt;
  return Stop{.kind = Stop::Kind::interrupted, .vcpu = last_stop_.vcpu};
}

auto Debugger::stop_of(const Report& report) -> Stop {
  Stop stop{.kind = Stop::Kind::step, .vcpu = report.vcpu};
  if (report.is_crash) {
    stop.kind = Stop::Kind::crash;
  } else if (report.event.kind == kvm::DebugEvent::Kind::breakpoint) {
    const auto address = program_counter_of(report.vcpu);
    stop.kind = address && breakpoints_->is_at(*address) ? Stop::Kind::breakpoint : Stop::Kind::guests_breakpoint;
  } else if (report.event.kind == kvm::DebugEvent::Kind::hardware) {
    const auto& [at, kind] = debug_registers_[report.event.hardware];
    if (at.kind == Register::Kind::none) return stop;
    stop.address = at.address;
    stop.watch = kind;
    stop.kind = at.kind != Register::Kind::execution ? Stop::Kind::watch
                : kind == BreakpointKind::software   ? Stop::Kind::breakpoint
                                                     : Stop::Kind::hardware;
  }
  return stop;
}

// Whether a step ended in the range of the debugger.
auto Debugger::continues(const Stop& stop) -> bool {
  const auto& action = states_[stop.vcpu].action;
  if (stop.kind != Stop::Kind::step || action.kind != Action::Kind::step || wants_interrupt_) return false;
  const auto address = program_counter_of(stop.vcpu);
  return address && *address >= action.start && *address < action.end;
}

// ---- Continuing

void Debugger::resume(std::span<const Action> actions) {
  for (std::size_t vcpu = 0; vcpu < states_.size(); ++vcpu) states_[vcpu].action = actions[vcpu];
  // Earlier events are reported first.
  if (!reports_.empty()) return stops_->reported().signal();
  let_go();
}

// Continues according to the actions. If a vCPU is at a breakpoint that it has reported, it first steps over it alone.
void Debugger::let_go() {
  steps_over_ = vcpu_at_breakpoint();
  if (steps_over_) breakpoints_->lift(*states_[*steps_over_].stopped_at);
  for (unsigned vcpu = 0; vcpu < states_.size(); ++vcpu) {
    auto& state = states_[vcpu];
    const bool goes = steps_over_ ? vcpu == *steps_over_ : state.action.kind != Action::Kind::hold;
    // Set the registers first: KVM starts a step at the address that the vCPU has when the step is requested.
    auto set = Result<void>{};
    if (state.has_changed) set = guest_->vcpus[vcpu]->set_debug_state(*state.registers);
    if (set) set = guest_->vcpus[vcpu]->set_debug(setting_of(vcpu, goes));
    if (!set) guest_->warn(set.error().message());
    state.registers.reset();
    state.has_changed = false;
    if (goes) state.stopped_at.reset();
    goes ? stops_->release(vcpu) : stops_->hold(vcpu);
  }
  is_paused_ = false;
  guest_->resume();
}

// Continues the whole guest without a debugger.
void Debugger::leave() {
  leaves_ = false;
  remove_all();
  reports_.clear();
  last_stop_ = {.kind = Stop::Kind::step};
  for (auto& state : states_) state.action = {.kind = Action::Kind::run};
  let_go();
  await_debugger();
}

auto Debugger::vcpu_at_breakpoint() -> std::optional<unsigned> {
  for (unsigned vcpu = 0; vcpu < states_.size(); ++vcpu) {
    const auto& state = states_[vcpu];
    if (state.action.kind == Action::Kind::hold || !state.stopped_at) continue;
    const bool is_breakpoint = state.stop == Stop::Kind::breakpoint || state.stop == Stop::Kind::hardware;
    if (is_breakpoint && program_counter_of(vcpu) == state.stopped_at && has_breakpoint(*state.stopped_at)) return vcpu;
  }
  return std::nullopt;
}

auto Debugger::has_breakpoint(std::uint64_t address) const -> bool {
  return breakpoints_->is_at(address) || debug_registers_.stops_at(address);
}

auto Debugger::setting_of(unsigned vcpu, bool goes) -> kvm::DebugSetting {
  const auto& state = states_[vcpu];
  const bool steps_over = steps_over_ == vcpu;
  kvm::DebugSetting setting{.stops_at_breakpoints = session_.has_value(),
                            .steps = steps_over || state.action.kind == Action::Kind::step,
                            .hardware = debug_registers_.setting(steps_over ? state.stopped_at : std::nullopt)};
  // The guest handles its own breakpoints.
  setting.delivers_breakpoint = goes && state.stop == Stop::Kind::guests_breakpoint && state.stopped_at &&
                                program_counter_of(vcpu) == state.stopped_at;
  return setting;
}

void Debugger::kill() {
  guest_->kill();
}

// ---- Inspection

auto Debugger::vcpu_count() const -> unsigned {
  return static_cast<unsigned>(guest_->vcpus.size());
}

auto Debugger::describe(unsigned vcpu) -> std::string {
  const auto address = program_counter_of(vcpu);
  return address ? fmt::format("at {:#x}", *address) : "its registers are not known";
}

auto Debugger::registers_of(unsigned vcpu) -> arch::DebugState* {
  auto& state = states_[vcpu];
  if (!state.registers) {
    auto registers = guest_->vcpus[vcpu]->debug_state();
    if (!registers) return nullptr;
    state.registers = *registers;
  }
  return &*state.registers;
}

auto Debugger::program_counter_of(unsigned vcpu) -> std::optional<std::uint64_t> {
  const auto* const registers = registers_of(vcpu);
  if (registers == nullptr) return std::nullopt;
  return arch::program_counter(*registers);
}

auto Debugger::read_register(unsigned vcpu, unsigned number, std::span<std::byte> bytes) -> bool {
  const auto* const registers = registers_of(vcpu);
  return registers != nullptr && arch::read_register(*registers, number, bytes);
}

auto Debugger::write_register(unsigned vcpu, unsigned number, std::span<const std::byte> bytes) -> bool {
  auto* const registers = registers_of(vcpu);
  if (registers == nullptr || !arch::write_register(*registers, number, bytes)) return false;
  states_[vcpu].has_changed = true;
  return true;
}

// Calls visit(GuestAddress, offset, size) for each part of a range that is in one page. Returns the number of bytes
// before the first one that is not mapped.
template <class Visit>
auto Debugger::visit_memory(unsigned vcpu, std::uint64_t address, std::size_t size, const Visit& visit) const
    -> std::size_t {
  const auto paging = guest_->vcpus[vcpu]->paging();
  std::size_t done = 0;
  while (done < size && address + done >= address) {
    const auto translated = arch::translate(guest_->memory, paging, {address + done});
    if (!translated) break;
    const auto part = std::min<std::uint64_t>(translated->size, size - done);
    if (!guest_->memory.span(translated->address, part)) break;
    visit(translated->address, done, part);
    done += part;
  }
  return done;
}

auto Debugger::read_memory(unsigned vcpu, std::uint64_t address, std::span<std::byte> bytes) -> std::size_t {
  return visit_memory(vcpu, address, bytes.size(), [&](GuestAddress place, std::size_t offset, std::size_t size) {
    breakpoints_->read(place, bytes.subspan(offset, size));
  });
}

auto Debugger::write_memory(unsigned vcpu, std::uint64_t address, std::span<const std::byte> bytes) -> bool {
  const auto look = [](GuestAddress, std::size_t, std::size_t) {};
  if (visit_memory(vcpu, address, bytes.size(), look) != bytes.size()) return false;
  visit_memory(vcpu, address, bytes.size(), [&](GuestAddress place, std::size_t offset, std::size_t size) {
    breakpoints_->write(place, bytes.subspan(offset, size));
  });
  return true;
}

auto Debugger::insert(unsigned vcpu, BreakpointKind kind, std::uint64_t address, std::uint64_t size)
    -> BreakpointOutcome {
  if (kind != BreakpointKind::software || !support_.instructions) {
    return debug_registers_.insert(kind, address, size);
  }
  const bool inserted = breakpoints_->insert(guest_->vcpus[vcpu]->paging(), address);
  return inserted ? BreakpointOutcome::done : BreakpointOutcome::failed;
}

auto Debugger::remove(BreakpointKind kind, std::uint64_t address, std::uint64_t size) -> BreakpointOutcome {
  if (kind == BreakpointKind::software && breakpoints_->remove(address)) return BreakpointOutcome::done;
  return debug_registers_.remove(kind, address, size);
}

void Debugger::remove_all() {
  breakpoints_->remove_all();
  debug_registers_.remove_all();
  std::erase_if(reports_, [](const Report& report) { return !report.is_crash; });
}

// ---- Commands of this monitor

auto Debugger::command(unsigned vcpu, std::string_view words) -> std::string {
  const auto name = take_until(words, ' ');
  if (name == "regs") return show_registers(vcpu);
  if (name == "stats") return guest_->statistics(vcpu);
  if (name == "hypercalls") return show_hypercalls(vcpu);
  if (name == "trace") return switch_trace(words);
  if (name == "pagetable") return show_translation(vcpu, words);
  if (name == "quit") {
    kill();
    return "";
  }
  return kHelp;
}

auto Debugger::show_registers(unsigned vcpu) -> std::string {
  std::string text;
  for (unsigned number = 0; number < arch::register_count(); ++number) {
    std::array<std::byte, sizeof(std::uint64_t)> bytes{};
    const auto size = arch::register_size(number);
    if (size > bytes.size() || !read_register(vcpu, number, std::span{bytes}.first(size))) continue;
    text += fmt::format("{:<8} {:#018x}\n", arch::register_name(number), std::bit_cast<std::uint64_t>(bytes));
  }
  return text;
}

auto Debugger::show_hypercalls(unsigned vcpu) const -> std::string {
  const auto lines = guest_->hypercalls(vcpu);
  return lines.empty() ? "none\n" : fmt::format("{}\n", fmt::join(lines, "\n"));
}

auto Debugger::switch_trace(std::string_view setting) -> std::string {
  if (setting != "on" && setting != "off") return "trace: on or off is expected\n";
  *options_.traces = setting == "on";
  return fmt::format("the trace of hypercalls is {}\n", setting);
}

auto Debugger::show_translation(unsigned vcpu, std::string_view digits) -> std::string {
  if (digits.starts_with("0x")) digits.remove_prefix(2);
  const auto address = parse_hex(digits);
  if (!address) return "pagetable: an address in hexadecimal digits is expected\n";
  const auto translated = arch::translate(guest_->memory, guest_->vcpus[vcpu]->paging(), {*address});
  if (!translated) return fmt::format("{:#x} is not mapped\n", *address);
  return fmt::format("{:#x} is at the guest-physical address {:#x}, with {:#x} bytes up to the end of its page\n",
                     *address, translated->address.value, translated->size);
}

}  // namespace hermitage::vmm::debug
