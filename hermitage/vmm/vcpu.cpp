#include "hermitage/vmm/vcpu.hpp"

#include <linux/kvm.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <span>
#include <utility>
#include <variant>

#include <fmt/format.h>
#include <pthread.h>
#include <unistd.h>

#include "hermitage/vmm/arch/handlers.hpp"

namespace hermitage::vmm {
namespace {

// A visitor that consists of several functions.
template <class... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};

auto run_failure(int error_number) -> std::string {
  constexpr const char* kTruncated =
      "; a part of the guest memory is missing, perhaps because the kernel's file was truncated";
  return fmt::format("KVM_RUN: {}{}", std::strerror(error_number), error_number == EFAULT ? kTruncated : "");
}

auto repeatable(const kvm::IoAccess& access) -> std::optional<RepeatedWrite> {
  RepeatedWrite write;
  const bool fits = access.data.size() <= sizeof write.value;
  if (access.space != kvm::AddressSpace::ports || !access.is_write || access.count != 1 || !fits) return std::nullopt;
  write.port = static_cast<std::uint16_t>(access.address);
  write.size = static_cast<std::uint8_t>(access.data.size());
  std::memcpy(&write.value, access.data.data(), access.data.size());
  return write;
}

auto internal_error(kvm::InternalError error) -> std::string {
  if (error.suberror == KVM_INTERNAL_ERROR_EMULATION) return "KVM cannot emulate an instruction";
  return fmt::format("KVM_RUN: internal error {}", error.suberror);
}

}  // namespace

auto call_back_signal() noexcept -> int {
  return SIGRTMIN;
}

Vcpu::Vcpu(kvm::Vcpu vcpu, std::uint32_t number, const VcpuEnvironment& environment) noexcept
    : vcpu_{std::move(vcpu)}, number_{number}, environment_{environment} {}

auto Vcpu::prepare_thread() -> Result<void> {
  auto* const sampler = observer_ == nullptr ? nullptr : observer_->sampler();
  if (sampler == nullptr) return {};
  if (auto made = sampler->make_timer(); !made) return made;
  return vcpu_.interrupt_at(observe::sample_signal());
}

void Vcpu::run() {
  thread_ = ::gettid();
  clockid_t clock{};
  if (::pthread_getcpuclockid(::pthread_self(), &clock) == 0) {
    cpu_clock_ = clock;
    has_cpu_clock_ = true;
  }
  if (observer_ != nullptr) observer_->begin_thread();
  environment_.gate.enter();
  is_at_rest_ = false;
  entered_at_ = Clock::now();
  make_repeated_write();
  auto& control = environment_.control;
  auto& serial = environment_.serial;
  while (!control.is_stopping()) {
    if (environment_.stops != nullptr) {
      wait_for_debugger();
      if (control.is_stopping()) break;
    }
    // Set this before KVM_RUN checks for requests. leave_guest() uses the reverse order.
    in_guest_ = true;
    const auto exit = vcpu_.run();
    in_guest_ = false;
    if (observer_ != nullptr) observer_->left_guest();
    environment_.collected_writes.drain();
    handle(exit);
    if (observer_ != nullptr) observer_->handled(kind_);
    if (serial.write_error() != 0) control.finish(OutputFailed{serial.write_error()});
  }
  if (control.was_stopped()) report_repeated_exception();
  if (environment_.keeps_state) keep_state();
  environment_.gate.leave();
  has_cpu_clock_ = false;
  thread_ = 0;
  if (control.was_stopped()) control.finish(control.forced_ending());
}

void Vcpu::leave_guest() noexcept {
  if (in_guest_) return call_back();
  vcpu_.request_exit();
  if (in_guest_) call_back();
}

void Vcpu::call_back() noexcept {
  vcpu_.request_exit();
  if (const auto thread = thread_.load(); thread != 0) ::tgkill(::getpid(), thread, call_back_signal());
}

// For the profile. Returns false if no sample is due.
auto Vcpu::take_due_sample() -> bool {
  auto* const sampler = observer_ == nullptr ? nullptr : observer_->sampler();
  if (sampler == nullptr || !sampler->is_due()) return false;
  sampler->take(vcpu_.registers(), vcpu_.is_halted());
  return true;
}

auto Vcpu::cpu_clock() const noexcept -> std::optional<clockid_t> {
  if (!has_cpu_clock_) return std::nullopt;
  return cpu_clock_.load();
}

void Vcpu::wait_while_paused() noexcept {
  is_at_rest_ = true;
  do {
    environment_.gate.checkpoint();
    vcpu_.withdraw_exit();
    // This may have withdrawn the request of a pause that started in between.
  } while (environment_.gate.is_pausing());
  is_at_rest_ = false;
}

void Vcpu::wait_for_debugger() {
  environment_.stops->stand_while_held(number_, environment_.gate,
                                       [this] { return environment_.control.is_stopping(); });
}

void Vcpu::keep_state() {
  if (const auto state = vcpu_.debug_state()) final_state_ = std::make_unique<arch::DebugState>(*state);
}

void Vcpu::report_repeated_exception() {
  if (environment_.warnings == nullptr) return;
  const auto text = arch::repeated_exception(vcpu_.registers());
  if (!text.empty()) environment_.warnings->add(fmt::format("vCPU {} {}", number_, text));
}

void Vcpu::note_kind(const char* name) {
  exit_counts_.add(name);
  kind_ = name;
}

void Vcpu::handle(const kvm::Exit& exit) {
  const auto fail = [this](std::string reason) {
    note_kind("failure");
    die(std::move(reason));
  };
  std::visit(
      Overloaded{
          [this](const kvm::IoAccess& access) { handle_access(access); },
          [this](kvm::Halt) { note_kind("halt"); },
          [this](kvm::Interrupted) {
            note_kind(take_due_sample() ? "sample" : "interruption");
            wait_while_paused();
          },
          [this](kvm::Shutdown) {
            note_kind("shutdown");
            die_of_fault("a triple fault, caused by an exception without a handler");
          },
          [this](kvm::PowerOff) {
            note_kind("power off");
            die("it has switched its machine off instead of making the hypercall to exit");
          },
          [this](kvm::DebugEvent event) {
            note_kind("debug");
            if (environment_.stops != nullptr) environment_.stops->report({.vcpu = number_, .event = event});
          },
          [this](kvm::UndecodedAccess access) {
            note_kind("failure");
            die(fmt::format("the instruction at {:#x} accesses {:#x}, outside of its memory; KVM cannot decode it",
                            arch::stack_registers(vcpu_.registers()).instruction, access.address));
          },
          [&](kvm::EntryFailure failure) {
            fail(fmt::format("KVM_RUN: the CPU failed to enter the guest (reason {:#x})", failure.reason));
          },
          [this](kvm::InternalError error) {
            note_kind("failure");
            die_of_fault(internal_error(error));
          },
          [&](kvm::UnknownExit unknown) { fail(fmt::format("KVM_RUN: unknown exit reason {}", unknown.reason)); },
          [&](kvm::RunFailure failure) { fail(run_failure(failure.error_number)); },
      },
      exit);
}

// The argument of the hypercall is the value, or is in a register.
void Vcpu::make_repeated_write() {
  if (!repeated_write_) return;
  const auto write = *std::exchange(repeated_write_, std::nullopt);
  std::array<std::byte, sizeof write.value> data{};
  std::memcpy(data.data(), &write.value, data.size());
  if (observer_ != nullptr) observer_->left_guest();
  handle_access({.space = kvm::AddressSpace::ports,
                 .is_write = true,
                 .address = write.port,
                 .data = std::span{data}.first(write.size),
                 .count = 1});
  if (observer_ != nullptr) observer_->handled(kind_);
}

void Vcpu::handle_access(const kvm::IoAccess& access) {
  has_asked_ = true;
  current_write_ = repeatable(access);
  auto outcome = pass_on(access);
  current_write_.reset();
  if (const auto* const exit = std::get_if<GuestExit>(&outcome)) return environment_.control.finish(*exit);
  if (auto* const fault = std::get_if<GuestFault>(&outcome)) die(std::move(fault->reason));
}

// Passes the access to the device, item by item.
auto Vcpu::pass_on(const kvm::IoAccess& access) -> AccessOutcome {
  const auto size = access.data.size() / access.count;
  const auto& bus = access.space == kvm::AddressSpace::ports ? environment_.ports : environment_.memory;
  auto& device = bus.device_at(access.address, size);
  note_kind(device.name_of(access.address, access.is_write));
  if (observer_ != nullptr) observer_->accesses(access.address, size, access.is_write);
  AccessOutcome outcome = Resume{};
  for (std::uint32_t i = 0; i < access.count && !environment_.control.is_stopping(); ++i) {
    const auto item = access.data.subspan(i * size, size);
    const Access request{.address = access.address, .vcpu = this};
    outcome = access.is_write ? device.write(request, item) : device.read(request, item);
    if (!std::holds_alternative<Resume>(outcome)) break;
  }
  return outcome;
}

// Ends the run for a fault of the kernel that KVM reports.
void Vcpu::die_of_fault(std::string reason) {
  if (number_ > 0 && !has_asked_) {
    reason +=
        fmt::format(" (vCPU {} had not made a hypercall; if the kernel was built without SMP, use -c 1)", number_);
  }
  die(std::move(reason));
}

void Vcpu::die(std::string reason) {
  if (environment_.stops != nullptr) {
    environment_.stops->report_death(number_);
    wait_for_debugger();
  }
  environment_.control.finish(GuestCrash{.reason = std::move(reason), .cpu = number_, .registers = vcpu_.registers()});
}

}  // namespace hermitage::vmm
