#include "hermitage/vmm/devices/virtio/queue.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "hermitage/vmm/devices/virtio/driver_testing.hpp"

namespace hermitage::vmm::virtio {
namespace {

using testing::Buffer;
using testing::DriverQueue;

constexpr std::uint16_t kSize = 8;
constexpr std::uint64_t kRings = 0x1000;
constexpr std::uint64_t kTable = 0x8000;
constexpr std::uint64_t kData = 0x10000;
constexpr std::uint64_t kMemory = 1 << 20;

class QueueTest : public ::testing::Test {
 protected:
  [[nodiscard]] auto make(QueueFeatures features = {}) -> Queue {
    return Queue::make(memory, driver.layout(), features).value();
  }
  // The fault of the next chain.
  [[nodiscard]] static auto fault_of(Queue& queue) -> std::string {
    Chain chain;
    const auto popped = queue.pop(chain);
    return popped ? "" : popped.error().what;
  }

  GuestMemory memory = std::move(GuestMemory::allocate(GuestAddress{0}, kMemory, {}).value());
  DriverQueue driver{memory, kRings, kSize};
};

TEST_F(QueueTest, TakesChainsInOrderAndReturnsThem) {
  auto queue = make();
  Chain chain;
  EXPECT_FALSE(queue.pop(chain).value());
  EXPECT_FALSE(queue.publish());
  driver.make_available(3, std::vector<Buffer>{{kData, 12}, {kData + 0x100, 100}, {kData + 0x200, 7, true}});
  driver.make_available(0, std::vector<Buffer>{{kData + 0x300, 50, true}});
  EXPECT_EQ(queue.available().value(), 2);
  ASSERT_TRUE(queue.pop(chain).value());
  EXPECT_EQ(chain.head, 3);
  EXPECT_EQ(chain.readable().size(), 2U);
  EXPECT_EQ(chain.writable().size(), 1U);
  EXPECT_EQ(chain.readable_size, 112U);
  EXPECT_EQ(chain.writable_size, 7U);
  EXPECT_EQ(chain.readable()[1].iov_base, memory.bytes().data() + kData + 0x100);
  ASSERT_TRUE(queue.pop(chain).value());
  EXPECT_EQ(chain.head, 0);
  EXPECT_EQ(chain.buffers.size(), 1U);
  queue.push(0, 50);
  queue.push(3, 7);
  EXPECT_EQ(driver.used_index(), 0);
  EXPECT_TRUE(queue.publish());
  EXPECT_EQ(driver.used_index(), 2);
  EXPECT_EQ(driver.used(0), std::pair(0U, 50U));
  EXPECT_EQ(driver.used(1), std::pair(3U, 7U));
}

TEST_F(QueueTest, GivesChainsBackAsIfTheyHadNotBeenTaken) {
  auto queue = make();
  Chain chain;
  for (std::uint16_t i = 0; i < 3; ++i) driver.make_available(i, std::vector<Buffer>{{kData, 1U + i, true}});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(queue.pop(chain).value());
  queue.undo_pop(2);
  ASSERT_TRUE(queue.pop(chain).value());
  EXPECT_EQ(chain.head, 1);
}

TEST_F(QueueTest, GoesAroundTheEndOfItsIndexes) {
  auto queue = make({.event_index = true});
  Chain chain;
  for (unsigned i = 0; i < 70'000; ++i) {
    driver.set_used_event(static_cast<std::uint16_t>(i));
    driver.make_available(static_cast<std::uint16_t>(i % kSize), std::vector<Buffer>{{kData, 4, true}});
    ASSERT_TRUE(queue.pop(chain).value()) << i;
    queue.push(chain.head, 4);
    ASSERT_TRUE(queue.publish()) << i;
    ASSERT_EQ(driver.used_index(), static_cast<std::uint16_t>(i + 1));
    ASSERT_FALSE(queue.enable_notifications()) << i;
    ASSERT_EQ(driver.available_event(), static_cast<std::uint16_t>(i + 1));
  }
}

TEST_F(QueueTest, InterruptsUnlessTheDriverSaysNo) {
  auto queue = make();
  driver.set_available_flags(kAvailableNoInterrupt);
  queue.push(0, 0);
  EXPECT_FALSE(queue.publish());
  driver.set_available_flags(0);
  queue.push(0, 0);
  EXPECT_TRUE(queue.publish());
  EXPECT_FALSE(queue.publish());
}

TEST_F(QueueTest, InterruptsAtTheIndexThatTheDriverNames) {
  auto queue = make({.event_index = true});
  driver.set_available_flags(kAvailableNoInterrupt);  // has no meaning with event_index
  driver.set_used_event(2);
  for (const bool expected : {false, false, true, false}) {
    queue.push(0, 0);
    EXPECT_EQ(queue.publish(), expected);
  }
  driver.set_used_event(6);
  for (int i = 0; i < 3; ++i) queue.push(0, 0);  // indexes 4, 5 and 6 in one call
  EXPECT_TRUE(queue.publish());
}

TEST_F(QueueTest, SaysWhenItWantsNotifications) {
  auto queue = make();
  queue.disable_notifications();
  EXPECT_EQ(driver.used_flags(), kUsedNoNotify);
  EXPECT_FALSE(queue.enable_notifications());
  EXPECT_EQ(driver.used_flags(), 0);
  driver.make_available(0, std::vector<Buffer>{{kData, 1}});
  EXPECT_TRUE(queue.enable_notifications());
  EXPECT_FALSE(queue.enable_notifications(1));

  auto with_index = make({.event_index = true});
  EXPECT_FALSE(with_index.enable_notifications(1));
  EXPECT_EQ(driver.available_event(), 1);
}

TEST_F(QueueTest, FollowsAnIndirectTable) {
  auto queue = make({.indirect_descriptors = true});
  driver.set_descriptor_at(kTable, 0, kData, 12, kDescriptorNext, 2);
  driver.set_descriptor_at(kTable, 2, kData + 64, 30, kDescriptorWrite, 9);
  driver.set_descriptor(5, kTable, 3 * 16, kDescriptorIndirect, 0);
  driver.publish(5);
  Chain chain;
  ASSERT_TRUE(queue.pop(chain).value());
  EXPECT_EQ(chain.head, 5);
  EXPECT_EQ(chain.readable_size, 12U);
  EXPECT_EQ(chain.writable_size, 30U);
}

TEST_F(QueueTest, FollowsADirectDescriptorIntoAnIndirectTable) {
  auto queue = make({.indirect_descriptors = true});
  driver.set_descriptor_at(kTable, 0, kData, 12, kDescriptorWrite, 0);
  driver.set_descriptor(0, kData, 8, kDescriptorNext, 1);
  driver.set_descriptor(1, kTable, 16, kDescriptorIndirect, 0);
  driver.publish(0);
  Chain chain;
  ASSERT_TRUE(queue.pop(chain).value());
  EXPECT_EQ(chain.readable_size + chain.writable_size, 20U);
}

TEST_F(QueueTest, RefusesWhatALayoutMustNotBe) {
  const auto what = [&](QueueLayout layout) {
    const auto queue = Queue::make(memory, layout, {});
    return queue ? std::string{} : std::string{queue.error().what};
  };
  EXPECT_EQ(what(driver.layout()), "");
  const auto with = [&](auto change) {
    auto layout = driver.layout();
    change(layout);
    return what(layout);
  };
  constexpr const char* kOutside = "lies outside of the memory, or is not aligned";
  EXPECT_EQ(with([](auto& layout) { layout.size = 0; }), "has a size that is no power of two");
  EXPECT_EQ(with([](auto& layout) { layout.size = 6; }), "has a size that is no power of two");
  EXPECT_EQ(with([](auto& layout) { layout.descriptors.value += 8; }), kOutside);
  EXPECT_EQ(with([](auto& layout) { layout.available.value += 1; }), kOutside);
  EXPECT_EQ(with([](auto& layout) { layout.used.value += 2; }), kOutside);
  EXPECT_EQ(with([](auto& layout) { layout.descriptors.value = kMemory - 16; }), kOutside);
  EXPECT_EQ(with([](auto& layout) { layout.available.value = kMemory - 20; }), kOutside);
  EXPECT_EQ(with([](auto& layout) { layout.used.value = kMemory - 68; }), kOutside);
  EXPECT_EQ(with([](auto& layout) { layout.used.value = ~std::uint64_t{3}; }), kOutside);
  // The last byte of each part is the last byte of the memory.
  EXPECT_EQ(with([](auto& layout) { layout.descriptors.value = kMemory - 128; }), "");
  EXPECT_EQ(with([](auto& layout) { layout.available.value = kMemory - 22; }), "");
  EXPECT_EQ(with([](auto& layout) { layout.used.value = kMemory - 72; }), "");
}

TEST_F(QueueTest, RefusesAnIndexThatIsTooFarAhead) {
  auto queue = make();
  driver.set_available(kSize + 1);
  EXPECT_EQ(fault_of(queue), "has more chains available than descriptors");
  driver.set_available(kSize);
  driver.set_descriptor(0, kData, 1, 0, 0);
  EXPECT_EQ(fault_of(queue), "");
}

TEST_F(QueueTest, RefusesChainsThatAreNone) {
  const auto fault = [&](QueueFeatures features, auto describe) {
    driver = DriverQueue{memory, kRings, kSize};
    driver.set_available(0);
    auto queue = make(features);
    describe();
    driver.publish(0);
    return fault_of(queue);
  };
  const QueueFeatures indirect{.indirect_descriptors = true};
  EXPECT_EQ(fault({}, [&] { driver.set_descriptor(0, kData, 1, kDescriptorNext, 0); }),
            "has a chain that does not end");
  EXPECT_EQ(fault({}, [&] { driver.set_descriptor(0, kData, 1, kDescriptorNext, kSize); }),
            "names a descriptor that there is not");
  EXPECT_EQ(fault({}, [&] { driver.set_descriptor(0, kMemory - 1, 2, 0, 0); }), "names memory that there is not");
  EXPECT_EQ(fault({}, [&] { driver.set_descriptor(0, ~std::uint64_t{0}, 0xffff'ffff, 0, 0); }),
            "names memory that there is not");
  EXPECT_EQ(fault({}, [&] { driver.set_descriptor(0, kData, 0, 0, 0); }), "has a buffer of no bytes");
  EXPECT_EQ(fault({},
                  [&] {
                    driver.set_descriptor(0, kData, 1, kDescriptorWrite | kDescriptorNext, 1);
                    driver.set_descriptor(1, kData, 1, 0, 0);
                  }),
            "has a buffer to read behind one to write");
  EXPECT_EQ(fault({}, [&] { driver.set_descriptor(0, kTable, 16, kDescriptorIndirect, 0); }),
            "has an indirect table, which was not negotiated");
  EXPECT_EQ(fault(indirect, [&] { driver.set_descriptor(0, kTable, 16, kDescriptorIndirect | kDescriptorNext, 0); }),
            "has an indirect table where none may be");
  for (const std::size_t size : {std::size_t{0}, std::size_t{15}, std::size_t{17}, 16 * (Queue::kMaxChain + 1)}) {
    EXPECT_EQ(
        fault(indirect,
              [&] { driver.set_descriptor(0, kTable, static_cast<std::uint32_t>(size), kDescriptorIndirect, 0); }),
        "has an indirect table of an invalid size")
        << size;
  }
  EXPECT_EQ(fault(indirect, [&] { driver.set_descriptor(0, kMemory - 16, 32, kDescriptorIndirect, 0); }),
            "has an indirect table outside of the memory");
  EXPECT_EQ(fault(indirect,
                  [&] {
                    driver.set_descriptor_at(kTable, 0, kTable, 16, kDescriptorIndirect, 0);
                    driver.set_descriptor(0, kTable, 16, kDescriptorIndirect, 0);
                  }),
            "has an indirect table where none may be");
  EXPECT_EQ(fault(indirect,
                  [&] {
                    driver.set_descriptor_at(kTable, 0, kData, 1, kDescriptorNext, 1);
                    driver.set_descriptor_at(kTable, 1, kData, 1, kDescriptorNext, 0);
                    driver.set_descriptor(0, kTable, 32, kDescriptorIndirect, 0);
                  }),
            "has a chain that does not end");
}

TEST_F(QueueTest, RefusesAHeadThatIsNoDescriptor) {
  auto queue = make();
  driver.publish(kSize);
  EXPECT_EQ(fault_of(queue), "names a descriptor that there is not");
}

}  // namespace
}  // namespace hermitage::vmm::virtio
