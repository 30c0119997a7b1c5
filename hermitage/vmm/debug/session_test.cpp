#include "hermitage/vmm/debug/session.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "hermitage/vmm/arch/arch.hpp"
#include "hermitage/vmm/debug/hex.hpp"
#include "hermitage/vmm/debug/session_testing.hpp"

namespace hermitage::vmm::debug {
namespace {

using namespace std::string_literals;

// The parts that the debugger has received: packets without frames, and acknowledgements.
auto parts_of(std::string_view bytes) -> std::vector<std::string> {
  PacketReader reader;
  reader.add(bytes);
  std::vector<std::string> all;
  while (const auto received = reader.next()) {
    if (const auto* const packet = std::get_if<Packet>(&*received)) all.push_back(packet->data);
    if (std::holds_alternative<Acknowledged>(*received)) all.emplace_back("+");
    if (std::holds_alternative<Refused>(*received)) all.emplace_back("-");
    if (std::holds_alternative<Damaged>(*received)) all.emplace_back("damaged");
  }
  return all;
}

class SessionTest : public ::testing::Test {
 protected:
  // All bytes that are sent in reply.
  auto raw(std::string_view bytes) -> std::string {
    sent.clear();
    session.receive(bytes);
    return sent;
  }
  // The reply to a packet: "none" if there is none.
  auto ask(std::string_view packet) -> std::string {
    auto all = parts_of(raw(framed(packet)));
    if (all.empty() || all.front() != "+") return "not acknowledged";
    if (all.size() == 1) return "none";
    EXPECT_EQ(all.size(), 2U) << packet;
    return all.back();
  }
  auto stopped(const Stop& stop) -> std::string {
    sent.clear();
    session.on_stop(stop);
    const auto all = parts_of(sent);
    return all.empty() ? "none" : all.front();
  }
  auto make(const Stop& stop) -> Session {
    return Session{target, stop, [this](std::string_view bytes) { sent += bytes; }};
  }

  FakeTarget target;
  std::string sent;
  Session session = make({.kind = Stop::Kind::step});
};

// ---- Frames

TEST_F(SessionTest, AcknowledgesPackets) {
  EXPECT_EQ(raw("$qC#b4"), "+$QC1#c5");
  EXPECT_EQ(raw("$qC#b5"), "-");
  EXPECT_EQ(raw("+"), "");
  EXPECT_EQ(raw("-"), "$QC1#c5") << "the last packet once more";
  EXPECT_EQ(raw("junk"), "");
  EXPECT_EQ(raw("$q"), "");
  EXPECT_EQ(raw("C#b"), "");
  EXPECT_EQ(raw("4+"), "+$QC1#c5");
}

TEST_F(SessionTest, SendsNothingAgainBeforeItsFirstPacket) {
  EXPECT_EQ(raw("-"), "");
}

TEST_F(SessionTest, StopsAcknowledging) {
  EXPECT_EQ(raw(framed("QStartNoAckMode")), "+$OK#9a");
  EXPECT_EQ(raw("+$qC#b4"), "$QC1#c5");
  EXPECT_EQ(raw("$qC#b5"), "");
  EXPECT_EQ(raw("-"), "");
}

TEST_F(SessionTest, KnowsWhetherThereWasAPacket) {
  session.receive("GET / HTTP/1.1\r\n+-\x03$g#00");
  EXPECT_FALSE(session.has_had_packet());
  session.receive("$g#67");
  EXPECT_TRUE(session.has_had_packet());
}

TEST_F(SessionTest, HasAnEmptyReplyForWhatItDoesNotKnow) {
  for (const auto* const packet : {"",
                                   "!",
                                   "R00",
                                   "A",
                                   "b",
                                   "B",
                                   "d",
                                   "e",
                                   "i",
                                   "I",
                                   "j",
                                   "J",
                                   "K",
                                   "n",
                                   "o",
                                   "r",
                                   "t",
                                   "u",
                                   "U",
                                   "w",
                                   "W",
                                   "y",
                                   "q",
                                   "Q",
                                   "v",
                                   "qNothing",
                                   "QNothing",
                                   "vMustReplyEmpty",
                                   "vAttach;1",
                                   "vRun",
                                   "vCtrlC",
                                   "vFile:unlink:2f",
                                   "vFile:",
                                   "vFile",
                                   "Z5,1000,1",
                                   "z9,1000,1",
                                   "Z2",
                                   "qXfer:auxv:read::0,10",
                                   "qXfer:features:write:target.xml:0:x",
                                   "qXfer:",
                                   "vContinue",
                                   "jThreadsInfo",
                                   "qGDBServerVersion",
                                   "\xff\xfe",
                                   "\x01"}) {
    const auto answer = ask(packet);
    EXPECT_TRUE(answer.empty() || answer == "E16") << packet << " -> " << answer;
  }
  EXPECT_EQ(ask("vMustReplyEmpty"), "");
  EXPECT_EQ(ask("!"), "");
  EXPECT_EQ(ask(""), "");
}

// ---- Reason of the stop

TEST_F(SessionTest, SaysWhyTheGuestStands) {
  EXPECT_EQ(ask("?"), "T05thread:1;");
  const auto after = [this](const Stop& stop) {
    EXPECT_EQ(ask("c"), "none");
    const auto reply = stopped(stop);
    EXPECT_EQ(ask("?"), reply);
    return reply;
  };
  EXPECT_EQ(after({.kind = Stop::Kind::interrupted, .vcpu = 3}), "T02thread:4;");
  EXPECT_EQ(after({.kind = Stop::Kind::step, .vcpu = 1}), "T05thread:2;");
  EXPECT_EQ(after({.kind = Stop::Kind::guests_breakpoint, .vcpu = 0}), "T05thread:1;");
  EXPECT_EQ(after({.kind = Stop::Kind::crash, .vcpu = 2}), "T0bthread:3;");
  EXPECT_EQ(after({.kind = Stop::Kind::breakpoint, .vcpu = 2}), "T05thread:3;");
  EXPECT_EQ(after({.kind = Stop::Kind::hardware, .vcpu = 2}), "T05thread:3;");
  const auto watch = [](BreakpointKind kind) {
    return Stop{.kind = Stop::Kind::watch, .vcpu = 0, .address = 0xdeadbeef00, .watch = kind};
  };
  EXPECT_EQ(after(watch(BreakpointKind::write_watch)), "T05thread:1;watch:deadbeef00;");
  EXPECT_EQ(after(watch(BreakpointKind::read_watch)), "T05thread:1;rwatch:deadbeef00;");
  EXPECT_EQ(after(watch(BreakpointKind::access_watch)), "T05thread:1;awatch:deadbeef00;");
}

TEST_F(SessionTest, OffersTheListOfLibrariesToLldb) {
  EXPECT_EQ(ask("?"), "T05thread:1;");
  EXPECT_EQ(ask("qSupported:xmlRegisters=i386,arm,mips,arc;multiprocess+;fork-events+;vfork-events+"),
            "PacketSize=4000;QStartNoAckMode+;qXfer:features:read+;qXfer:threads:read+;qXfer:exec-file:read+;"
            "qXfer:memory-map:read+;vContSupported+;swbreak+;hwbreak+;qXfer:libraries:read+");
  EXPECT_EQ(ask("?"), "T05thread:1;library:;");
  EXPECT_EQ(ask("c"), "none");
  EXPECT_EQ(stopped({.kind = Stop::Kind::step, .vcpu = 1}), "T05thread:2;") << "it has not changed since";
}

TEST_F(SessionTest, NamesBreakpointsToDebuggersThatKnowThem) {
  EXPECT_EQ(ask("qSupported:multiprocess+;swbreak+;hwbreak+;qRelocInsn+;xmlRegisters=i386"),
            "PacketSize=4000;QStartNoAckMode+;qXfer:features:read+;qXfer:threads:read+;qXfer:exec-file:read+;"
            "qXfer:memory-map:read+;vContSupported+;swbreak+;hwbreak+");
  EXPECT_EQ(ask("c"), "none");
  EXPECT_EQ(stopped({.kind = Stop::Kind::breakpoint, .vcpu = 1}), "T05thread:2;swbreak:;");
  EXPECT_EQ(ask("c"), "none");
  EXPECT_EQ(stopped({.kind = Stop::Kind::hardware, .vcpu = 1}), "T05thread:2;hwbreak:;");
  EXPECT_NE(ask("qSupported"), "");
}

TEST_F(SessionTest, BeginsAtTheVcpuThatStopped) {
  auto other = make({.kind = Stop::Kind::step, .vcpu = 2});
  sent.clear();
  other.receive(framed("qC"));
  EXPECT_EQ(parts_of(sent).back(), "QC3");
}

// ---- Registers

TEST_F(SessionTest, ReadsRegisters) {
  target.registers[0].general.rax = 0x1122334455667788;
  target.registers[0].general.rip = 0xabcdef;
  target.registers[2].general.rax = 1;
  const auto all = ask("g");
  EXPECT_EQ(all.size(), 2U * 848) << "bytes of all";
  EXPECT_TRUE(all.starts_with("8877665544332211")) << all.substr(0, 32);
  EXPECT_EQ(all.substr(16 * 16, 16), "efcdab0000000000");
  EXPECT_EQ(ask("p0"), "8877665544332211");
  EXPECT_EQ(ask("p10"), "efcdab0000000000");
  EXPECT_EQ(ask("p00000000000000000010"), "efcdab0000000000");
  for (unsigned number = 0; number < arch::register_count(); ++number) {
    EXPECT_EQ(ask(fmt::format("p{:x}", number)).size(), 2 * arch::register_size(number)) << number;
  }
  EXPECT_EQ(ask("g;thread:3;").substr(0, 16), "0100000000000000") << "as lldb asks";
  EXPECT_EQ(ask("p0;thread:3;"), "0100000000000000");
  EXPECT_EQ(ask("p0;thread:3"), "0100000000000000");
  EXPECT_EQ(ask("p0;thread:9;"), "8877665544332211") << "of a thread that there is not: as if none were named";
}

TEST_F(SessionTest, RefusesToReadOtherRegisters) {
  for (const auto* const packet : {"p", "px", "p-1", "p50", "pffffffff", "p100000000", "pffffffffffffffff",
                                   "p10000000000000000", "p0,", "p0;", "p 0", "p;thread:1;"}) {
    EXPECT_EQ(ask(packet), "E16") << packet;
  }
  target.fails = true;
  EXPECT_EQ(ask("p0"), "E0e");
  EXPECT_EQ(ask("g"), "E0e");
}

TEST_F(SessionTest, WritesRegisters) {
  EXPECT_EQ(ask("P0=8877665544332211"), "OK");
  EXPECT_EQ(target.registers[0].general.rax, 0x1122334455667788U);
  EXPECT_EQ(ask("P0=0100000000000000;thread:2;"), "OK");
  EXPECT_EQ(target.registers[1].general.rax, 1U);
  EXPECT_EQ(target.registers[0].general.rax, 0x1122334455667788U);
  EXPECT_EQ(ask("P4b=0100000000000000"), "E0e") << "cr0, which cannot be written";
  auto all = ask("g");
  all.replace(16, 16, "0200000000000000");
  EXPECT_EQ(ask("G" + all), "OK") << "with those that cannot be written";
  EXPECT_EQ(target.registers[0].general.rbx, 2U);
  EXPECT_EQ(ask("G" + all + ";thread:4;"), "OK");
  EXPECT_EQ(target.registers[3].general.rax, 0x1122334455667788U);
  EXPECT_EQ(ask("g"), all);
}

TEST_F(SessionTest, RefusesToWriteOtherRegisters) {
  for (const auto* const packet :
       {"P", "P0", "P0=", "P=", "P=00", "P0=88776655443322", "P0=887766554433221", "P0=887766554433221100",
        "P0=887766554433221g", "P50=00", "Pffffffffffffffff=0000000000000000", "Px=0000000000000000"}) {
    EXPECT_EQ(ask(packet), "E16") << packet;
  }
  const auto all = ask("g");
  for (const auto& digits :
       {""s, "00"s, "0"s, all.substr(2), all.substr(1), all + "00", all + "0", "x" + all.substr(1)}) {
    EXPECT_EQ(ask("G" + digits), "E16");
  }
  const auto changed = "ffffffffffffffff" + all.substr(16, 100);
  EXPECT_EQ(ask("G" + changed), "E16");
  EXPECT_EQ(target.registers[0].general.rax, 0U) << "all or none";
}

// ---- Memory

TEST_F(SessionTest, ReadsMemory) {
  EXPECT_EQ(ask("m1000,4"), "00010203");
  EXPECT_EQ(ask("m1080,1"), "80");
  EXPECT_EQ(ask("m0000000000001080,00000001"), "80");
  EXPECT_EQ(ask("x1023,3"), "#$%");
  EXPECT_EQ(ask("x10ff,2"), "\xff\0"s);
  EXPECT_EQ(ask("x1000,0"), "OK") << "whether it can be";
  EXPECT_EQ(ask("m1000,0"), "");
}

TEST_F(SessionTest, ReadsWhatThereIs) {
  EXPECT_EQ(ask("m6ffe,4"), "feff") << "up to the end";
  EXPECT_EQ(ask("x6fff,ffff"), "\xff");
  EXPECT_EQ(ask("m7000,1"), "E0e");
  EXPECT_EQ(ask("mfff,4"), "E0e") << "the first byte is missing";
  EXPECT_EQ(ask("x0,1"), "E0e");
  EXPECT_EQ(ask("mffffffffffffffff,ffffffffffffffff"), "E0e");
}

TEST_F(SessionTest, FitsReadsIntoAPacket) {
  const auto digits = raw(framed("m1000,ffffffffffffffff"));
  EXPECT_GT(digits.size(), 0x3f00U);
  EXPECT_LE(digits.size(), kMaxPacket + 5);
  std::ranges::fill(target.memory, static_cast<std::byte>('#'));
  const auto escaped = raw(framed("x1000,5000"));
  EXPECT_GT(escaped.size(), 0x3f00U);
  EXPECT_LE(escaped.size(), kMaxPacket + 5);
  const auto file = raw(framed("vFile:pread:3,ffffffff,0"));
  EXPECT_LE(file.size(), kMaxPacket + 5);
}

TEST_F(SessionTest, ReadsMemoryOfTheSelectedVcpu) {
  EXPECT_EQ(ask("Hg3"), "OK");
  EXPECT_EQ(ask("m1000,1"), "00");
  EXPECT_EQ(target.memory_vcpu, 2U);
  EXPECT_EQ(ask("M1000,1:11"), "OK");
  EXPECT_EQ(target.memory_vcpu, 2U);
  EXPECT_EQ(ask("Z0,1000,1"), "OK");
  EXPECT_EQ(target.memory_vcpu, 2U);
}

TEST_F(SessionTest, WritesMemory) {
  EXPECT_EQ(ask("M1000,3:aaBBcc"), "OK");
  EXPECT_EQ(ask("m1000,4"), "aabbcc03");
  EXPECT_EQ(ask("X1001,4:}#$*"), "OK");
  EXPECT_EQ(ask("m1000,6"), "aa7d23242a05");
  EXPECT_EQ(ask("X1000,3:\0:,"s), "OK");
  EXPECT_EQ(ask("m1000,4"), "003a2c24");
  EXPECT_EQ(ask("X1000,0:"), "OK") << "whether binary data arrive";
  EXPECT_EQ(ask("M1000,0:"), "OK");
}

TEST_F(SessionTest, WritesAllOrNothing) {
  EXPECT_EQ(ask("M6ffe,3:aabbcc"), "E0e");
  EXPECT_EQ(ask("m6ffe,2"), "feff");
  EXPECT_EQ(ask("X0,1:a"), "E0e");
  EXPECT_EQ(ask("Mffffffffffffffff,1:00"), "E0e");
}

TEST_F(SessionTest, RefusesMalformedAccesses) {
  for (const auto* const packet : {"m",
                                   "m,",
                                   "m1000",
                                   "m1000,",
                                   "m,4",
                                   "mx,4",
                                   "m1000,x",
                                   "m-1,4",
                                   "m1000,-1",
                                   "m10000000000000000,1",
                                   "m1000,10000000000000000",
                                   "m1000,4,4",
                                   "m 1000,4",
                                   "x",
                                   "x1000",
                                   "x1000,",
                                   "xg,1",
                                   "M",
                                   "M1000",
                                   "M1000,1",
                                   "M1000,1:",
                                   "M1000,1:0",
                                   "M1000,1:0g",
                                   "M1000,1:0000",
                                   "M1000,2:00",
                                   "M,1:00",
                                   "M1000,:00",
                                   "X",
                                   "X1000,1",
                                   "X1000,1:",
                                   "X1000,1:ab",
                                   "X1000,2:a",
                                   "X1000,ffffffffffffffff:a",
                                   "Xx,1:a"}) {
    EXPECT_EQ(ask(packet), "E16") << packet;
  }
  EXPECT_EQ(ask("m1000,4"), "00010203");
}

TEST_F(SessionTest, DescribesRegions) {
  EXPECT_EQ(ask("qMemoryRegionInfo:1234"), "start:1000;size:1000;permissions:rwx;");
  EXPECT_EQ(ask("qMemoryRegionInfo:0"), "start:0;size:1000;");
  EXPECT_EQ(ask("qMemoryRegionInfo:ffffffffffffffff"), "start:fffffffffffff000;size:1000;");
  EXPECT_EQ(ask("qMemoryRegionInfo:"), "E16");
  EXPECT_EQ(ask("qMemoryRegionInfo:x"), "E16");
}

// ---- Breakpoints

TEST_F(SessionTest, ChangesBreakpoints) {
  using enum BreakpointKind;
  const std::vector<BreakpointKind> kinds{software, hardware, write_watch, read_watch, access_watch};
  for (unsigned i = 0; i < kinds.size(); ++i) {
    const bool is_known = kinds[i] != read_watch;
    EXPECT_EQ(ask(fmt::format("Z{},1234,8", i)), is_known ? "OK" : "");
    EXPECT_EQ(target.breakpoints.contains({kinds[i], 0x1234, 8}), is_known);
    EXPECT_EQ(ask(fmt::format("z{},1234,4", i)), is_known ? "E0e" : "") << "of another size";
    EXPECT_EQ(ask(fmt::format("z{},1234,8", i)), is_known ? "OK" : "");
    EXPECT_TRUE(target.breakpoints.empty());
    EXPECT_EQ(ask(fmt::format("z{},1234,8", i)), is_known ? "E0e" : "");
  }
  EXPECT_EQ(ask("Z0,0,1"), "E0e") << "no memory";
  EXPECT_EQ(ask("Z0,1000,1;X3,220027;cmds:0,X1,00"), "OK") << "conditions are the debugger's own affair";
}

TEST_F(SessionTest, RefusesMalformedBreakpoints) {
  for (const auto* const packet : {"Z", "z", "Z0", "Z0,", "Z0,1000", "Z0,1000,", "Z0,,1", "Z0,x,1", "Z0,1000,x",
                                   "Z0,-1,1", "Z0,1000,1,1", "z0", "z1,10000000000000000,1", "Z0;1000;1"}) {
    EXPECT_EQ(ask(packet), "E16") << packet;
  }
  EXPECT_TRUE(target.breakpoints.empty());
}

// ---- Continuing

auto kinds(const std::vector<Action>& actions) -> std::string {
  std::string text;
  for (const auto& action : actions) {
    text += action.kind == Action::Kind::run ? 'c' : action.kind == Action::Kind::step ? 's' : 't';
  }
  return text;
}

TEST_F(SessionTest, ResumesByOneLetter) {
  const auto resumed = [this](std::string_view packet) {
    target.actions.clear();
    EXPECT_EQ(ask(packet), "none") << packet;
    EXPECT_EQ(stopped({.kind = Stop::Kind::step}), "T05thread:1;");
    return kinds(target.actions);
  };
  EXPECT_EQ(resumed("c"), "cccc");
  EXPECT_EQ(resumed("s"), "sttt") << "the others stand while one steps";
  EXPECT_EQ(resumed("C05"), "cccc");
  EXPECT_EQ(resumed("S05"), "sttt");
  EXPECT_EQ(ask("Hc3"), "OK");
  EXPECT_EQ(resumed("s"), "ttst");
  EXPECT_EQ(resumed("s"), "sttt") << "at the one that has stopped";
  EXPECT_EQ(ask("Hc-1"), "OK");
  EXPECT_EQ(resumed("c"), "cccc");
  EXPECT_EQ(ask("c1000"), "E16") << "not at another address";
  EXPECT_EQ(ask("s1000"), "E16");
  EXPECT_EQ(ask("C05;1000"), "E16");
}

TEST_F(SessionTest, ResumesByActions) {
  EXPECT_EQ(ask("vCont?"), "vCont;c;C;s;S;t;r");
  const auto resumed = [this](std::string_view packet) {
    target.actions.clear();
    EXPECT_EQ(ask(packet), "none") << packet;
    EXPECT_EQ(stopped({.kind = Stop::Kind::step}), "T05thread:1;");
    return kinds(target.actions);
  };
  EXPECT_EQ(resumed("vCont;c"), "cccc");
  EXPECT_EQ(resumed("vCont;s:2;c"), "cscc");
  EXPECT_EQ(resumed("vCont;s:2"), "tstt");
  EXPECT_EQ(resumed("vCont;t:1;s:3;t:4;c"), "tcst");
  EXPECT_EQ(resumed("vCont;c:1;s:1;s"), "csss") << "the first that fits counts";
  EXPECT_EQ(resumed("vCont;C05:1;S0b:2"), "cstt");
  EXPECT_EQ(resumed("vCont;c:-1"), "cccc");
  EXPECT_EQ(resumed("vCont;s:1;c:-1"), "sccc");
  EXPECT_EQ(resumed("vCont;c;"), "cccc");
  EXPECT_EQ(resumed("vCont;r1000,1008:2;c"), "cscc");
  EXPECT_EQ(target.actions[1].start, 0x1000U);
  EXPECT_EQ(target.actions[1].end, 0x1008U);
  EXPECT_EQ(target.actions[0].end, 0U);
}

TEST_F(SessionTest, RefusesMalformedActions) {
  for (const auto* const packet :
       {"vCont;", "vCont;;", "vCont;x", "vCont;c:5", "vCont;c:x", "vCont;c:-2", "vCont;c:p1.1", "vCont;:1", "vCont;t",
        "vCont;t:1", "vCont;r", "vCont;r1000", "vCont;r1000,", "vCont;r,1000", "vCont;rx,y:1", "vCont;c;x",
        "vCont;c:ffffffffffffffff", "vCont;s:1;c:1:2"}) {
    EXPECT_EQ(ask(packet), "E16") << packet;
  }
  EXPECT_EQ(target.resumes, 0);
  EXPECT_FALSE(session.is_running());
}

TEST_F(SessionTest, IgnoresPacketsWhileTheGuestRuns) {
  EXPECT_EQ(ask("c"), "none");
  EXPECT_TRUE(session.is_running());
  for (const auto* const packet : {"g", "m1000,4", "c", "vCont;c", "D", "k", "?", "vKill;1", "M1000,1:00"}) {
    EXPECT_EQ(raw(framed(packet)), "+") << packet;
  }
  EXPECT_EQ(target.resumes, 1);
  EXPECT_FALSE(target.is_killed);
  EXPECT_FALSE(session.is_over());
}

TEST_F(SessionTest, InterruptsAGuestThatRuns) {
  EXPECT_EQ(raw("\x03"), "");
  EXPECT_EQ(target.interrupts, 0) << "it stands";
  EXPECT_EQ(ask("c"), "none");
  EXPECT_EQ(raw("\x03"), "");
  EXPECT_EQ(target.interrupts, 1);
  EXPECT_EQ(stopped({.kind = Stop::Kind::interrupted, .vcpu = 1}), "T02thread:2;");
  EXPECT_EQ(stopped({.kind = Stop::Kind::interrupted, .vcpu = 1}), "none") << "news only of a guest that runs";
  EXPECT_EQ(ask("qC"), "QC2");
}

TEST_F(SessionTest, TakesAnInterruptInTheSamePiece) {
  raw(framed("c") + "\x03");
  EXPECT_EQ(target.resumes, 1);
  EXPECT_EQ(target.interrupts, 1);
}

TEST_F(SessionTest, TellsTheEnd) {
  const auto end = [this](const Ended& ended) {
    auto one = make({});
    one.receive(framed("c"));
    sent.clear();
    one.on_end(ended);
    EXPECT_TRUE(one.is_over());
    return parts_of(sent);
  };
  using List = std::vector<std::string>;
  EXPECT_EQ(end({.exit_code = 0}), (List{"W00"}));
  EXPECT_EQ(end({.exit_code = 7}), (List{"W07"}));
  EXPECT_EQ(end({.exit_code = 0xffffffff}), (List{"Wffffffff"}));
  EXPECT_EQ(end({.exit_code = {}, .signal = 11}), (List{"X0b"}));
  sent.clear();
  session.on_end({.exit_code = 0});
  EXPECT_EQ(sent, "") << "the guest stands";
  EXPECT_TRUE(session.is_over());
}

TEST_F(SessionTest, Detaches) {
  target.breakpoints.emplace(BreakpointKind::software, 0x1000, 1);
  EXPECT_EQ(ask("D"), "OK");
  EXPECT_TRUE(session.is_over());
  EXPECT_TRUE(session.is_running());
  EXPECT_TRUE(target.breakpoints.empty());
  EXPECT_EQ(raw(framed("g")), "") << "nothing more is heard";
}

TEST_F(SessionTest, Kills) {
  EXPECT_EQ(ask("vKill;1"), "OK");
  EXPECT_TRUE(target.is_killed);
  EXPECT_TRUE(session.is_over());
  auto other = make({});
  target.is_killed = false;
  sent.clear();
  other.receive(framed("k") + framed("g"));
  EXPECT_EQ(sent, "+");
  EXPECT_TRUE(target.is_killed);
  EXPECT_TRUE(other.is_over());
}

// ---- Threads

TEST_F(SessionTest, ListsThreads) {
  EXPECT_EQ(ask("qfThreadInfo"), "m1,2,3,4");
  EXPECT_EQ(ask("qsThreadInfo"), "l");
  EXPECT_EQ(ask("qThreadExtraInfo,3"), to_hex("stands 2"));
  for (const auto* const packet :
       {"qThreadExtraInfo,", "qThreadExtraInfo,0", "qThreadExtraInfo,-1", "qThreadExtraInfo,5", "qThreadExtraInfo,x"}) {
    EXPECT_EQ(ask(packet), "E16") << packet;
  }
  EXPECT_EQ(ask("qXfer:threads:read::0,1000"),
            "l<?xml version=\"1.0\"?><threads>"
            "<thread id=\"1\" core=\"0\" name=\"vCPU 0\">stands 0</thread>"
            "<thread id=\"2\" core=\"1\" name=\"vCPU 1\">stands 1</thread>"
            "<thread id=\"3\" core=\"2\" name=\"vCPU 2\">stands 2</thread>"
            "<thread id=\"4\" core=\"3\" name=\"vCPU 3\">stands 3</thread></threads>");
}

TEST_F(SessionTest, KnowsWhichThreadsThereAre) {
  EXPECT_EQ(ask("T1"), "OK");
  EXPECT_EQ(ask("T4"), "OK");
  for (const auto* const packet : {"T", "T5", "Tx", "T-2", "Tffffffffffffffff", "T100000001"}) {
    EXPECT_EQ(ask(packet), "E16") << packet;
  }
}

TEST_F(SessionTest, SelectsThreads) {
  EXPECT_EQ(ask("qC"), "QC1");
  EXPECT_EQ(ask("Hg2"), "OK");
  EXPECT_EQ(ask("qC"), "QC2");
  target.registers[1].general.rax = 0xff;
  EXPECT_EQ(ask("p0"), "ff00000000000000");
  EXPECT_EQ(ask("Hg0"), "OK") << "any: the one that has stopped";
  EXPECT_EQ(ask("qC"), "QC1");
  for (const auto* const packet : {"H", "Hg", "Hc", "Hg5", "Hgx", "Hg-2", "Hgp1.1", "Hc5"}) {
    EXPECT_EQ(ask(packet), "E16") << packet;
  }
  EXPECT_EQ(ask("qC"), "QC1");
}

// ---- Queries

TEST_F(SessionTest, AnswersQueries) {
  EXPECT_EQ(ask("qAttached"), "1");
  EXPECT_EQ(ask("qAttached:1"), "1");
  EXPECT_EQ(ask("qOffsets"), "Text=200000;Data=200000;Bss=200000");
  EXPECT_EQ(ask("qSymbol::"), "OK");
  EXPECT_EQ(ask("QThreadSuffixSupported"), "OK");
  EXPECT_EQ(ask("QListThreadsInStopReply"), "OK");
  const auto triple = "triple:" + to_hex("x86_64-unknown-none") + ";endian:little;ptrsize:8;";
  EXPECT_EQ(ask("qHostInfo"), triple);
  EXPECT_EQ(ask("qProcessInfo"), "pid:1;" + triple);
}

TEST_F(SessionTest, TransfersInParts) {
  const auto all = ask("qXfer:features:read:target.xml:0,ffff");
  ASSERT_TRUE(all.starts_with("l<?xml"));
  EXPECT_EQ(all.substr(1), arch::target_description());
  std::string parts;
  for (;;) {
    const auto part = ask(fmt::format("qXfer:features:read:target.xml:{:x},100", parts.size()));
    ASSERT_TRUE(part.starts_with('m') || part.starts_with('l')) << part;
    parts += part.substr(1);
    if (part.starts_with('l')) break;
    EXPECT_EQ(part.size(), 0x101U);
  }
  EXPECT_EQ(parts, all.substr(1));
  const auto end = fmt::format("qXfer:features:read:target.xml:{:x},10", parts.size());
  EXPECT_EQ(ask(end), "l");
  EXPECT_EQ(ask(fmt::format("qXfer:features:read:target.xml:{:x},10", parts.size() + 1)), "E16");
  EXPECT_EQ(ask("qXfer:features:read:target.xml:ffffffffffffffff,ffffffffffffffff"), "E16");
  EXPECT_EQ(ask("qXfer:features:read:target.xml:0,0"), "m");
  EXPECT_EQ(
      ask("qXfer:libraries:read::0,fff"),
      R"(l<?xml version="1.0"?><library-list><library name="/guests/hello"><section address="0x200000"/></library>)"
      R"(</library-list>)");
  EXPECT_EQ(ask("qXfer:exec-file:read:1:0,100"), "l/guests/hello");
  EXPECT_EQ(ask("qXfer:exec-file:read::1,6"), "mguests");
  EXPECT_TRUE(ask("qXfer:memory-map:read::0,fff").starts_with("l<?xml"));
}

TEST_F(SessionTest, RefusesMalformedTransfers) {
  for (const auto* const packet :
       {"qXfer:features:read:target.xml:", "qXfer:features:read:target.xml:0", "qXfer:features:read:target.xml:0,",
        "qXfer:features:read:target.xml:,1", "qXfer:features:read:target.xml:x,1", "qXfer:features:read:target.xml",
        "qXfer:threads:read", "qXfer:exec-file:read::-1,1"}) {
    EXPECT_EQ(ask(packet), "E16") << packet;
  }
  EXPECT_EQ(ask("qXfer:features:read:other.xml:0,100"), "E00") << "no such annex";
  EXPECT_EQ(ask("qXfer:features"), "");
  EXPECT_EQ(ask("qXfer:other:read::0,100"), "");
}

TEST_F(SessionTest, PassesCommandsOn) {
  using List = std::vector<std::string>;
  EXPECT_EQ(ask("Hg2"), "OK");
  EXPECT_EQ(parts_of(raw(framed("qRcmd," + to_hex("regs all")))), (List{"+", "O" + to_hex("1: regs all\n"), "OK"}));
  EXPECT_EQ(parts_of(raw(framed("qRcmd," + to_hex("nothing")))), (List{"+", "OK"}));
  EXPECT_EQ(parts_of(raw(framed("qRcmd,"))), (List{"+", "O" + to_hex("1: \n"), "OK"}));
  for (const auto* const packet : {"qRcmd,0", "qRcmd,0g", "qRcmd,zz"}) EXPECT_EQ(ask(packet), "E16") << packet;
  EXPECT_EQ(ask("qRcmd"), "");
}

TEST_F(SessionTest, PutsLongOutputIntoSeveralPackets) {
  const auto all = parts_of(raw(framed("qRcmd," + to_hex("long"))));
  ASSERT_GT(all.size(), 3U);
  EXPECT_EQ(all.front(), "+");
  EXPECT_EQ(all.back(), "OK");
  std::string output;
  for (std::size_t i = 1; i + 1 < all.size(); ++i) {
    EXPECT_LE(all[i].size(), kMaxPacket);
    ASSERT_TRUE(all[i].starts_with('O'));
    output += all[i].substr(1);
  }
  EXPECT_EQ(output, to_hex(std::string(20'000, 'x')));
}

// ---- File of the kernel

TEST_F(SessionTest, ReadsTheKernelsFile) {
  const auto open = "vFile:open:" + to_hex("/guests/hello") + ",0,0";
  EXPECT_EQ(ask("vFile:setfs:0"), "F0");
  EXPECT_EQ(ask(open), "F3");
  EXPECT_EQ(ask("vFile:pread:3,4,41"), "F4;ABCD");
  EXPECT_EQ(ask("vFile:pread:3,100,5fff"), "F1;\xff") << "up to its end";
  EXPECT_EQ(ask("vFile:pread:3,100,6000"), "F0;");
  EXPECT_EQ(ask("vFile:pread:3,ffffffffffffffff,ffffffffffffffff"), "F0;");
  const auto status = ask("vFile:fstat:3");
  ASSERT_EQ(status.size(), 4U + 64) << to_hex(status);
  EXPECT_TRUE(status.starts_with("F40;"));
  EXPECT_EQ(status.substr(4 + 8, 4), "\0\0\x81\x24"s) << "a file that can be read";
  EXPECT_EQ(status.substr(4 + 28, 8), "\0\0\0\0\0\0\x60\0"s);
  EXPECT_EQ(ask("vFile:close:3"), "F0");
}

TEST_F(SessionTest, HasNoOtherFile) {
  EXPECT_EQ(ask("vFile:open:" + to_hex("/etc/passwd") + ",0,0"), "F-1,2");
  EXPECT_EQ(ask("vFile:open:,0,0"), "F-1,2");
  EXPECT_EQ(ask("vFile:open:0"), "F-1,16");
  EXPECT_EQ(ask("vFile:open"), "F-1,2");
  for (const auto* const call : {"close", "fstat", "pread"}) {
    for (const auto* const words : {"", ":", ":4", ":4,1,1", ":x", ":ffffffffffffffff"}) {
      EXPECT_EQ(ask("vFile:"s + call + words), "F-1,9") << call << words;
    }
  }
  for (const auto* const words : {"3", "3,", "3,4", "3,4,", "3,,0", "3,x,0", "3,4,x", "3,-1,0"}) {
    EXPECT_EQ(ask("vFile:pread:"s + words), "F-1,16") << words;
  }
  EXPECT_EQ(ask("vFile:readlink:" + to_hex("/guests/hello")), "F-1,16");
}

// Each packet, truncated at each position, and with invalid bytes.
TEST_F(SessionTest, SurvivesDamagedPackets) {
  const std::string packets[] = {"m1000,4",
                                 "M1000,2:0011",
                                 "X1000,2:ab",
                                 "Z0,1000,1",
                                 "vCont;s:2;r10,20:1;c",
                                 "p0;thread:1;",
                                 "P0=00;thread:1",
                                 "vFile:pread:3,4,0",
                                 "vFile:open:2f,0,0",
                                 "Hg1",
                                 "qRcmd,726567",
                                 "qXfer:features:read:target.xml:0,10",
                                 "qThreadExtraInfo,1",
                                 "qMemoryRegionInfo:1000"};
  for (const auto& packet : packets) {
    for (std::size_t size = 0; size <= packet.size(); ++size) {
      for (const auto& tail : {""s, ";"s, ":"s, ","s, "="s, "-"s, "\0"s, "\xff"s, ";thread:"s, "ffffffffffffffffff"s}) {
        auto one = make({});
        sent.clear();
        one.receive(framed(packet.substr(0, size) + tail));
        const auto all = parts_of(sent);
        ASSERT_FALSE(all.empty());
        EXPECT_TRUE(all.size() >= 2 || one.is_running() || one.is_over()) << packet.substr(0, size) << tail;
      }
    }
  }
}

}  // namespace
}  // namespace hermitage::vmm::debug
