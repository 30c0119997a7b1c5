#include "hermitage/base/invalid_value.hpp"

#include <string_view>

#include <gtest/gtest.h>

#include "hermitage/base/arguments.hpp"
#include "hermitage/base/memory_size.hpp"
#include "hermitage/base/network.hpp"

namespace hermitage::base {
namespace {

static_assert(entry::AnyProblem<InvalidValue>);

TEST(InvalidValue, HasTheShapeOfAllErrors) {
  const auto odd = check_memory_size(kLeastMemory + 1);
  ASSERT_FALSE(odd);
  EXPECT_EQ(odd.error().severity(), entry::Severity::error);
  EXPECT_EQ(odd.error().message(), odd.error().text);
}

TEST(InvalidValue, NamesTheKindOfValue) {
  const auto name_of = [](const auto& result) { return result ? std::string_view{} : result.error().name(); };
  EXPECT_EQ(name_of(check_memory_size(1)), "memory_size");
  EXPECT_EQ(name_of(boot_arguments({.program = {}, .kernel = {"--"}, .application = {}, .environment = {}})),
            "arguments");
  EXPECT_EQ(name_of(parse_port_forward("80")), "port_forward");
  EXPECT_EQ(name_of(parse_port_forward("0:80")), "port_forward");
  EXPECT_EQ(name_of(parse_network("wifi")), "network");
  EXPECT_EQ(name_of(parse_network("user,gw=10.0.0.1")), "network");
}

}  // namespace
}  // namespace hermitage::base
