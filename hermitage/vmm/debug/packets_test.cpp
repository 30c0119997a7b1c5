#include "hermitage/vmm/debug/packets.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace hermitage::vmm::debug {
namespace {

using namespace std::string_literals;

auto to_text(const Received& received) -> std::string {
  if (const auto* const packet = std::get_if<Packet>(&received)) return "packet " + packet->data;
  if (std::holds_alternative<Damaged>(received)) return "damaged";
  if (std::holds_alternative<Acknowledged>(received)) return "+";
  if (std::holds_alternative<Refused>(received)) return "-";
  return "interrupt";
}

auto all_of(PacketReader& reader) -> std::vector<std::string> {
  std::vector<std::string> all;
  while (const auto received = reader.next()) all.push_back(to_text(*received));
  return all;
}

auto read(std::string_view bytes) -> std::vector<std::string> {
  PacketReader reader;
  reader.add(bytes);
  return all_of(reader);
}

using List = std::vector<std::string>;

TEST(Framed, HasAChecksumOfTwoDigits) {
  EXPECT_EQ(framed(""), "$#00");
  EXPECT_EQ(framed("OK"), "$OK#9a");
  EXPECT_EQ(framed("\x01"), "$\x01#01");
  EXPECT_EQ(framed("\xff\xff"), "$\xff\xff#fe") << "bytes count from 0 to 255";
  EXPECT_EQ(framed("a\0b"s), "$a\0b#c3"s);
}

TEST(Framed, EscapesWhatMeansSomething) {
  EXPECT_EQ(framed("$"), "$}\x04#81");
  EXPECT_EQ(framed("#"), "$}\x03#80");
  EXPECT_EQ(framed("}"), "$}]#da");
  EXPECT_EQ(framed("*"), "$}\n#87") << "a run of the same byte";
}

TEST(PacketReader, FindsPackets) {
  EXPECT_EQ(read("$g#67"), (List{"packet g"}));
  EXPECT_EQ(read("$#00"), (List{"packet "}));
  EXPECT_EQ(read("+$g#67-$?#3F"), (List{"+", "packet g", "-", "packet ?"})) << "digits of either case";
  EXPECT_EQ(read("$m+-\x03#c8"), (List{"packet m+-\x03"})) << "in a packet they mean nothing";
}

TEST(PacketReader, FindsInterruptsBetweenPackets) {
  EXPECT_EQ(read("\x03"), (List{"interrupt"}));
  EXPECT_EQ(read("$g#67\x03\x03+"), (List{"packet g", "interrupt", "interrupt", "+"}));
}

TEST(PacketReader, SkipsWhatIsBetweenPackets) {
  EXPECT_EQ(read("GET / HTTP/1.1\r\n\r\n"), List{});
  EXPECT_EQ(read("\0\xff#00}abc$g#67#67"s), (List{"packet g"}));
}

TEST(PacketReader, SaysWhatIsDamaged) {
  EXPECT_EQ(read("$g#68"), (List{"damaged"}));
  EXPECT_EQ(read("$g#6x$g#67"), (List{"damaged", "packet g"}));
  EXPECT_EQ(read("$g#-1"), (List{"damaged"}));
  EXPECT_EQ(read("$g# 7"), (List{"damaged"}));
  EXPECT_EQ(read("$g##67"), (List{"damaged"}));
}

TEST(PacketReader, TakesEscapesOff) {
  for (const auto& data : {"a$b#c}d*e"s, "\0\x03\xff"s, "}}"s, ""s}) {
    EXPECT_EQ(read(framed(data)), (List{"packet " + data}));
  }
  EXPECT_EQ(read("$}#7d"), (List{"packet }"})) << "an escape of nothing";
}

TEST(PacketReader, TakesPiecesOfAnySize) {
  const auto stream = "+" + framed("m1000,4") + "\x03" + framed("X10,3:}#$") + "-junk" + framed("g");
  const auto expected = read(stream);
  ASSERT_EQ(expected.size(), 6U);
  for (std::size_t size = 1; size <= stream.size(); ++size) {
    PacketReader reader;
    List all;
    for (std::size_t i = 0; i < stream.size(); i += size) {
      reader.add(std::string_view{stream}.substr(i, size));
      for (auto& one : all_of(reader)) all.push_back(std::move(one));
    }
    EXPECT_EQ(all, expected) << "pieces of " << size;
  }
}

TEST(PacketReader, WaitsForTheRestOfAPacket) {
  PacketReader reader;
  for (const auto* const piece : {"$", "g", "#", "6"}) {
    reader.add(piece);
    EXPECT_FALSE(reader.next());
  }
  reader.add("7");
  EXPECT_EQ(all_of(reader), (List{"packet g"}));
}

TEST(PacketReader, TakesPacketsUpToTheLimit) {
  const std::string longest(kMaxPacket, 'a');
  EXPECT_EQ(read(framed(longest)), (List{"packet " + longest}));
  EXPECT_EQ(read(framed(longest + "a") + "$g#67"), (List{"damaged", "packet g"}));
}

// The packet has no end.
TEST(PacketReader, ForgetsAPacketThatIsTooLong) {
  PacketReader reader;
  reader.add("$");
  std::size_t damaged = 0;
  const std::string piece(1000, 'a');
  for (int i = 0; i < 100; ++i) {
    reader.add(piece);
    damaged += all_of(reader).size();
  }
  EXPECT_EQ(damaged, 1U);
  reader.add("#00$g#67");
  EXPECT_EQ(all_of(reader), (List{"packet g"}));
}

}  // namespace
}  // namespace hermitage::vmm::debug
