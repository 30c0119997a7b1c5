#include "hermitage/vmm/debug/session.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <utility>

#include <fmt/format.h>

#include "hermitage/base/xml.hpp"
#include "hermitage/entry/arch.hpp"
#include "hermitage/entry/bytes.hpp"
#include "hermitage/vmm/arch/arch.hpp"
#include "hermitage/vmm/debug/hex.hpp"

namespace hermitage::vmm::debug {
namespace {

constexpr const char* kOk = "OK";
// Errors in the packet, and errors of the guest, as errno numbers.
constexpr const char* kInvalid = "E16";
constexpr const char* kFault = "E0e";
constexpr const char* kUnknown = "";

// The limit of a read, in bytes: the reply has two digits for each byte, or an escape before it.
constexpr std::size_t kMaxRead = kMaxPacket / 2 - 32;

// vFile packets: GDB's errno numbers for files, and the descriptor of the only file.
constexpr const char* kNoFile = "F-1,2";
constexpr const char* kBadFile = "F-1,9";
constexpr const char* kInvalidFile = "F-1,16";
constexpr std::uint64_t kFile = 3;

auto binary(std::span<const std::byte> bytes) -> std::string {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// GDB's fio_stat for a readable file of that size: big-endian.
auto file_status(std::uint64_t size) -> std::string {
  constexpr std::size_t kStatusSize = 64;
  constexpr std::size_t kModeOffset = 8;
  constexpr std::size_t kSizeOffset = 28;
  constexpr std::uint32_t kReadableFile = 0100444;
  std::array<std::byte, kStatusSize> status{};
  entry::write<std::uint32_t, entry::Endian::big>(status, kModeOffset, kReadableFile);
  entry::write<std::uint64_t, entry::Endian::big>(status, kSizeOffset, size);
  return fmt::format("F{:x};{}", kStatusSize, binary(status));
}

// `OFFSET,LENGTH` of a text that is transferred in parts: GDB's qXfer.
auto part_of(std::string_view text, std::string_view range) -> std::string {
  const auto offset = parse_hex(take_until(range, ','));
  const auto length = parse_hex(range);
  if (!offset || !length || *offset > text.size()) return kInvalid;
  const auto part = text.substr(*offset, std::min<std::uint64_t>(*length, kMaxRead));
  return (*offset + part.size() == text.size() ? "l" : "m") + std::string{part};
}

auto triple() -> std::string {
  return fmt::format("triple:{};endian:little;ptrsize:8;",
                     to_hex(fmt::format("{}-unknown-none", entry::name(arch::kArch))));
}

auto kind_of(char type) -> std::optional<BreakpointKind> {
  using enum BreakpointKind;
  constexpr std::array kKinds{software, hardware, write_watch, read_watch, access_watch};
  const auto number = static_cast<std::size_t>(type) - '0';
  return number < kKinds.size() ? std::optional{kKinds[number]} : std::nullopt;
}

auto name_of(BreakpointKind watch) -> const char* {
  switch (watch) {
    case BreakpointKind::read_watch: return "rwatch";
    case BreakpointKind::access_watch: return "awatch";
    default: return "watch";
  }
}

auto size_of_registers() -> std::size_t {
  std::size_t size = 0;
  for (unsigned number = 0; number < arch::register_count(); ++number) size += arch::register_size(number);
  return size;
}

auto signal_of(Stop::Kind kind) -> int {
  switch (kind) {
    case Stop::Kind::interrupted: return SIGINT;
    case Stop::Kind::crash: return SIGSEGV;
    default: return SIGTRAP;
  }
}

}  // namespace

Session::Session(Target& target, const Stop& stop, std::function<void(std::string_view)> send)
    : target_{target}, stop_{stop}, send_{std::move(send)}, vcpu_{stop.vcpu}, resumed_vcpu_{stop.vcpu} {}

void Session::receive(std::string_view bytes) {
  reader_.add(bytes);
  while (!is_over_) {
    const auto received = reader_.next();
    if (!received) return;
    handle(*received);
  }
}

void Session::on_stop(const Stop& stop) {
  if (!is_running_) return;
  is_running_ = false;
  stop_ = stop;
  vcpu_ = resumed_vcpu_ = stop.vcpu;
  reply(stop_reply());
}

void Session::on_end(const Ended& ended) {
  // A debugger that has not continued the guest expects no report.
  if (is_running_)
    reply(ended.exit_code ? fmt::format("W{:02x}", *ended.exit_code) : fmt::format("X{:02x}", ended.signal));
  is_over_ = true;
}

void Session::handle(const Received& received) {
  if (std::holds_alternative<Interrupt>(received)) {
    if (is_running_) target_.interrupt();
    return;
  }
  if (std::holds_alternative<Refused>(received)) {
    if (acknowledges_) send_(last_reply_);
    return;
  }
  if (std::holds_alternative<Acknowledged>(received)) return;
  const auto* const packet = std::get_if<Packet>(&received);
  if (packet != nullptr) has_had_packet_ = true;
  if (acknowledges_) send_(packet == nullptr ? "-" : "+");
  // While the guest runs, there is nothing to report.
  if (packet == nullptr || is_running_) return;
  handle_packet(packet->data);
}

void Session::handle_packet(std::string_view packet) {
  const auto answered = answer(packet);
  if (answered) reply(*answered);
  if (packet == "QStartNoAckMode") acknowledges_ = false;
}

void Session::reply(std::string_view data) {
  last_reply_ = framed(data);
  send_(last_reply_);
}

// Returns nothing if the reply is sent later or never.
auto Session::answer(std::string_view packet) -> std::optional<std::string> {
  if (packet.empty()) return kUnknown;
  const auto rest = packet.substr(1);
  auto words = rest;
  switch (packet.front()) {
    case '?': return stop_reply() + (wants_libraries_ ? "library:;" : "");
    case 'g': return read_registers(take_thread(words));
    case 'G': {
      const auto vcpu = take_thread(words);
      return write_registers(vcpu, words);
    }
    case 'p': {
      const auto vcpu = take_thread(words);
      return read_register(vcpu, words);
    }
    case 'P': {
      const auto vcpu = take_thread(words);
      return write_register(vcpu, words);
    }
    case 'm': return read_memory(rest, false);
    case 'x': return read_memory(rest, true);
    case 'M': return write_memory(rest, false);
    case 'X': return write_memory(rest, true);
    case 'H': return select(rest);
    case 'T': return parse_thread(rest) ? kOk : kInvalid;
    case 'Z':
    case 'z': return change_breakpoint(packet);
    case 'c': return resume_one(rest, Action::Kind::run);
    case 's': return resume_one(rest, Action::Kind::step);
    case 'C': return resume_one(rest.substr(std::min<std::size_t>(rest.size(), 2)), Action::Kind::run);
    case 'S': return resume_one(rest.substr(std::min<std::size_t>(rest.size(), 2)), Action::Kind::step);
    case 'D':
      target_.remove_all();
      is_over_ = is_running_ = true;
      return kOk;
    case 'k':
      target_.kill();
      is_over_ = true;
      return std::nullopt;
    case 'q':
    case 'Q': return answer_query(packet);
    case 'v': return answer_v(packet);
    default: return kUnknown;
  }
}

auto Session::answer_query(std::string_view packet) -> std::string {
  const auto rest = [packet](std::string_view name) { return packet.substr(name.size()); };
  if (packet.starts_with("qSupported")) return supported(rest("qSupported"));
  if (packet == "QStartNoAckMode" || packet == "QThreadSuffixSupported" || packet.starts_with("qSymbol:")) return kOk;
  if (packet == "QListThreadsInStopReply") return kOk;
  if (packet == "qC") return fmt::format("QC{:x}", vcpu_ + 1);
  if (packet == "qfThreadInfo") {
    std::string list;
    for (unsigned vcpu = 0; vcpu < target_.vcpu_count(); ++vcpu) {
      list += fmt::format("{}{:x}", vcpu == 0 ? 'm' : ',', vcpu + 1);
    }
    return list;
  }
  if (packet == "qsThreadInfo") return "l";
  if (packet.starts_with("qThreadExtraInfo,")) {
    const auto thread = parse_thread(rest("qThreadExtraInfo,"));
    return thread && thread->vcpu ? to_hex(target_.describe(*thread->vcpu)) : kInvalid;
  }
  if (packet == "qAttached" || packet.starts_with("qAttached:")) return "1";
  if (packet == "qOffsets") return fmt::format("Text={0:x};Data={0:x};Bss={0:x}", target_.load_offset());
  if (packet == "qHostInfo") return triple();
  if (packet == "qProcessInfo") return "pid:1;" + triple();
  if (packet.starts_with("qMemoryRegionInfo:")) return describe_region(rest("qMemoryRegionInfo:"));
  if (packet.starts_with("qXfer:")) return transfer(rest("qXfer:"));
  if (packet.starts_with("qRcmd,")) {
    const auto words = parse_hex_bytes(rest("qRcmd,"));
    if (!words) return kInvalid;
    const auto output = target_.command(vcpu_, binary(*words));
    for (std::string_view left{output}; !left.empty();) {
      const auto part = left.substr(0, kMaxRead);
      left.remove_prefix(part.size());
      reply("O" + to_hex(part));
    }
    return kOk;
  }
  return kUnknown;
}

auto Session::supported(std::string_view offered) -> std::string {
  wants_reasons_ = offered.find("swbreak+") != std::string_view::npos;
  wants_libraries_ = offered.find("qRelocInsn+") == std::string_view::npos;  // every gdb sends it
  return fmt::format(
      "PacketSize={:x};QStartNoAckMode+;qXfer:features:read+;qXfer:threads:read+;qXfer:exec-file:read+;"
      "qXfer:memory-map:read+;vContSupported+;swbreak+;hwbreak+{}",
      kMaxPacket, wants_libraries_ ? ";qXfer:libraries:read+" : "");
}

// OBJECT:read:ANNEX:OFFSET,LENGTH
auto Session::transfer(std::string_view words) const -> std::string {
  const auto object = take_until(words, ':');
  if (take_until(words, ':') != "read") return kUnknown;
  const auto annex = take_until(words, ':');
  if (object == "features") return annex == "target.xml" ? part_of(arch::target_description(), words) : "E00";
  if (object == "threads") return part_of(thread_list(), words);
  if (object == "libraries") return part_of(library_list(), words);
  if (object == "exec-file") return part_of(target_.file_name(), words);
  // The whole address space: the mappings belong to the guest, and change.
  if (object == "memory-map") {
    return part_of(R"(<?xml version="1.0"?><!DOCTYPE memory-map SYSTEM "gdb-memory-map.dtd">)"
                   R"(<memory-map><memory type="ram" start="0" length="0xffffffffffffffff"/></memory-map>)",
                   words);
  }
  return kUnknown;
}

auto Session::thread_list() const -> std::string {
  std::string xml = R"(<?xml version="1.0"?><threads>)";
  for (unsigned vcpu = 0; vcpu < target_.vcpu_count(); ++vcpu) {
    xml += fmt::format(R"(<thread id="{:x}" core="{}" name="vCPU {}">{}</thread>)", vcpu + 1, vcpu, vcpu,
                       target_.describe(vcpu));
  }
  return xml + "</threads>";
}

auto Session::library_list() const -> std::string {
  return fmt::format(R"(<?xml version="1.0"?><library-list><library name="{}"><section address="{:#x}"/></library>)"
                     R"(</library-list>)",
                     base::escape_xml(target_.file_name()), target_.load_offset());
}

auto Session::stop_reply() const -> std::string {
  auto text = fmt::format("T{:02x}thread:{:x};", signal_of(stop_.kind), stop_.vcpu + 1);
  switch (stop_.kind) {
    case Stop::Kind::breakpoint: return text + (wants_reasons_ ? "swbreak:;" : "");
    case Stop::Kind::hardware: return text + (wants_reasons_ ? "hwbreak:;" : "");
    case Stop::Kind::watch: return text + fmt::format("{}:{:x};", name_of(stop_.watch), stop_.address);
    default: return text;
  }
}

auto Session::read_registers(unsigned vcpu) const -> std::string {
  std::string digits;
  std::array<std::byte, arch::kMaxRegisterSize> bytes{};
  for (unsigned number = 0; number < arch::register_count(); ++number) {
    const auto value = std::span{bytes}.first(arch::register_size(number));
    if (!target_.read_register(vcpu, number, value)) return kFault;
    digits += to_hex(value);
  }
  return digits;
}

// Ignores read-only registers: a debugger writes all registers after it has changed one.
auto Session::write_registers(unsigned vcpu, std::string_view digits) -> std::string {
  const auto bytes = parse_hex_bytes(digits);
  if (!bytes || bytes->size() != size_of_registers()) return kInvalid;
  auto left = std::span<const std::byte>{*bytes};
  for (unsigned number = 0; number < arch::register_count(); ++number) {
    const auto size = arch::register_size(number);
    [[maybe_unused]] const bool written = target_.write_register(vcpu, number, left.first(size));
    left = left.subspan(size);
  }
  return kOk;
}

auto Session::read_register(unsigned vcpu, std::string_view number) const -> std::string {
  const auto index = parse_hex(number);
  if (!index || *index >= arch::register_count()) return kInvalid;
  std::array<std::byte, arch::kMaxRegisterSize> bytes{};
  const auto register_number = static_cast<unsigned>(*index);
  const auto value = std::span{bytes}.first(arch::register_size(register_number));
  return target_.read_register(vcpu, register_number, value) ? to_hex(value) : kFault;
}

auto Session::write_register(unsigned vcpu, std::string_view words) -> std::string {
  const auto index = parse_hex(take_until(words, '='));
  const auto bytes = parse_hex_bytes(words);
  if (!index || !bytes || *index >= arch::register_count()) return kInvalid;
  const auto number = static_cast<unsigned>(*index);
  if (bytes->size() != arch::register_size(number)) return kInvalid;
  return target_.write_register(vcpu, number, *bytes) ? kOk : kFault;
}

auto Session::read_memory(std::string_view words, bool is_binary) const -> std::string {
  const auto address = parse_hex(take_until(words, ','));
  const auto size = parse_hex(words);
  if (!address || !size) return kInvalid;
  if (*size == 0) return is_binary ? kOk : "";
  std::vector<std::byte> bytes(std::min<std::uint64_t>(*size, kMaxRead));
  bytes.resize(target_.read_memory(vcpu_, *address, bytes));
  if (bytes.empty()) return kFault;
  return is_binary ? binary(bytes) : to_hex(bytes);
}

auto Session::write_memory(std::string_view words, bool is_binary) -> std::string {
  const auto address = parse_hex(take_until(words, ','));
  const auto size = parse_hex(take_until(words, ':'));
  if (!address || !size) return kInvalid;
  auto bytes = parse_hex_bytes(is_binary ? "" : words);
  if (is_binary) {
    const auto data = std::as_bytes(std::span{words});
    bytes = std::vector<std::byte>{data.begin(), data.end()};
  }
  if (!bytes || bytes->size() != *size) return kInvalid;
  return bytes->empty() || target_.write_memory(vcpu_, *address, *bytes) ? kOk : kFault;
}

// Z or z, a digit for the kind, and `,ADDRESS,SIZE`. The debugger itself evaluates conditions and commands after them.
auto Session::change_breakpoint(std::string_view packet) -> std::string {
  if (packet.size() < 2) return kInvalid;
  const auto kind = kind_of(packet[1]);
  if (!kind) return kUnknown;
  auto words = packet.substr(std::min<std::size_t>(packet.size(), 3));
  const auto address = parse_hex(take_until(words, ','));
  const auto size = parse_hex(take_until(words, ';'));
  if (!address || !size) return kInvalid;
  const auto outcome =
      packet.front() == 'Z' ? target_.insert(vcpu_, *kind, *address, *size) : target_.remove(*kind, *address, *size);
  switch (outcome) {
    case BreakpointOutcome::done: return kOk;
    case BreakpointOutcome::failed: return kFault;
    case BreakpointOutcome::unsupported: return kUnknown;
  }
  return kUnknown;
}

// One page per reply: lldb requests the next page itself.
auto Session::describe_region(std::string_view address) const -> std::string {
  constexpr std::uint64_t kPage = 0x1000;
  const auto value = parse_hex(address);
  if (!value) return kInvalid;
  std::array<std::byte, 1> byte{};
  const bool is_there = target_.read_memory(vcpu_, *value, byte) != 0;
  return fmt::format("start:{:x};size:{:x};{}", *value & ~(kPage - 1), kPage, is_there ? "permissions:rwx;" : "");
}

auto Session::select(std::string_view words) -> std::string {
  if (words.empty()) return kInvalid;
  const auto thread = parse_thread(words.substr(1));
  if (!thread) return kInvalid;
  const auto vcpu = thread->vcpu.value_or(stop_.vcpu);
  if (words.front() == 'g') vcpu_ = vcpu;
  if (words.front() == 'c') resumed_vcpu_ = vcpu;
  return kOk;
}

auto Session::resume_one(std::string_view words, Action::Kind kind) -> std::optional<std::string> {
  if (!words.empty()) return kInvalid;  // an address to continue at: a debugger sets the register instead
  const Action others{.kind = kind == Action::Kind::step ? Action::Kind::hold : Action::Kind::run};
  std::vector<Action> actions(target_.vcpu_count(), others);
  actions[resumed_vcpu_].kind = kind;
  resume(actions);
  return std::nullopt;
}

// A list of `;ACTION[:THREAD]`. The first action that matches a thread applies.
auto Session::resume_by_actions(std::string_view actions) -> std::optional<std::string> {
  std::vector<std::optional<Action>> chosen(target_.vcpu_count());
  while (!actions.empty()) {
    auto thread_words = take_until(actions, ';');
    auto words = take_until(thread_words, ':');
    const auto thread = thread_words.empty() ? ThreadOf{} : parse_thread(thread_words);
    if (!thread || words.empty()) return kInvalid;
    Action action;
    switch (words.front()) {
      case 'c':
      case 'C': action.kind = Action::Kind::run; break;
      case 's':
      case 'S': action.kind = Action::Kind::step; break;
      case 't': action.kind = Action::Kind::hold; break;
      case 'r': {
        words.remove_prefix(1);
        const auto start = parse_hex(take_until(words, ','));
        const auto end = parse_hex(words);
        if (!start || !end) return kInvalid;
        action = {.kind = Action::Kind::step, .start = *start, .end = *end};
        break;
      }
      default: return kInvalid;
    }
    for (unsigned vcpu = 0; vcpu < chosen.size(); ++vcpu) {
      if (!chosen[vcpu] && (!thread->vcpu || *thread->vcpu == vcpu)) chosen[vcpu] = action;
    }
  }
  std::vector<Action> all(chosen.size());
  std::ranges::transform(chosen, all.begin(), [](const auto& action) { return action.value_or(Action{}); });
  if (std::ranges::all_of(all, [](const Action& action) { return action.kind == Action::Kind::hold; })) return kInvalid;
  resume(all);
  return std::nullopt;
}

void Session::resume(std::span<const Action> actions) {
  is_running_ = true;
  target_.resume(actions);
}

auto Session::answer_v(std::string_view packet) -> std::optional<std::string> {
  if (packet == "vCont?") return "vCont;c;C;s;S;t;r";
  if (packet.starts_with("vCont;")) return resume_by_actions(packet.substr(std::string_view{"vCont;"}.size()));
  if (packet.starts_with("vFile:")) return answer_file(packet.substr(std::string_view{"vFile:"}.size()));
  if (packet == "vKill" || packet.starts_with("vKill;")) {
    target_.kill();
    is_over_ = true;
    return kOk;
  }
  return kUnknown;
}

// The only file has the name of exec-file.
auto Session::answer_file(std::string_view packet) const -> std::string {
  const auto call = take_until(packet, ':');
  if (call == "setfs") return "F0";
  if (call == "open") {
    const auto name = parse_hex_bytes(take_until(packet, ','));
    if (!name) return kInvalidFile;
    return binary(*name) == target_.file_name() ? fmt::format("F{:x}", kFile) : kNoFile;
  }
  if (call == "close" || call == "fstat" || call == "pread") {
    if (parse_hex(take_until(packet, ',')) != kFile) return kBadFile;
    if (call == "close") return "F0";
    if (call == "fstat") return file_status(target_.file().size());
    const auto count = parse_hex(take_until(packet, ','));
    const auto offset = parse_hex(packet);
    if (!count || !offset) return kInvalidFile;
    const auto file = target_.file();
    const auto part = file.subspan(std::min<std::uint64_t>(*offset, file.size()));
    const auto bytes = part.first(std::min<std::uint64_t>({*count, part.size(), kMaxRead}));
    return fmt::format("F{:x};{}", bytes.size(), binary(bytes));
  }
  if (call == "readlink") return kInvalidFile;
  return kUnknown;
}

auto Session::parse_thread(std::string_view text) const -> std::optional<ThreadOf> {
  if (text == "-1" || text == "0") return ThreadOf{};
  const auto number = parse_hex(text);
  if (!number || *number == 0 || *number > target_.vcpu_count()) return std::nullopt;
  return ThreadOf{.vcpu = static_cast<unsigned>(*number - 1)};
}

auto Session::take_thread(std::string_view& packet) const -> unsigned {
  constexpr std::string_view kSuffix = ";thread:";
  const auto start = packet.find(kSuffix);
  if (start == std::string_view::npos) return vcpu_;
  auto words = packet.substr(start + kSuffix.size());
  const auto thread = parse_thread(take_until(words, ';'));
  packet = packet.substr(0, start);
  return thread && thread->vcpu ? *thread->vcpu : vcpu_;
}

}  // namespace hermitage::vmm::debug
