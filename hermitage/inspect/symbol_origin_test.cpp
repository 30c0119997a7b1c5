#include "hermitage/inspect/symbol_origin.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "hermitage/inspect/names.hpp"
#include "hermitage/inspect/sizes.hpp"

namespace hermitage::inspect {
namespace {

struct Named {
  std::string name;
  std::string file = {};
};

// "crate: function (file)" for each symbol.
auto origins_of(const std::vector<Named>& symbols) -> std::vector<std::string> {
  Budget budget{0};
  SymbolOrigins origins{budget};
  for (const auto& [name, file] : symbols) origins.add(name, file);
  origins.finish();
  std::vector<std::string> texts;
  for (std::uint32_t i = 0; i < symbols.size(); ++i) {
    texts.push_back(std::string{origins.crate(i)} + ": " + std::string{origins.function(i)} + " (" + origins.file(i) +
                    ")");
  }
  return texts;
}

using Texts = std::vector<std::string>;

TEST(SymbolOrigin, RustNamesSayTheirCrate) {
  EXPECT_EQ(
      origins_of({{"_ZN11hello_world4main17h0123456789abcdefE"},
                  {"_ZN4core3ptr13drop_in_place17hfedcba9876543210E.llvm.123456"},
                  {"_RNvNtCs1234_7mycrate3foo3bar", "mycrate.0123-cgu.1"},
                  {"_RINvNtC3std3mem8align_ofdE"},
                  {"_ZN11hello_world4main28_$u7b$$u7b$closure$u7d$$u7d$17h0123456789abcdefE"}}),
      (Texts{"hello_world: hello_world::main ([no file] hello_world)",
             "core: core::ptr::drop_in_place ([no file] core)", "mycrate: mycrate::foo::bar (mycrate.0123-cgu.1)",
             "std: std::mem::align_of ([no file] std)", "hello_world: hello_world::main ([no file] hello_world)"}));
}

TEST(SymbolOrigin, OtherNamesAreOfTheirCodegenUnitOrOfC) {
  EXPECT_EQ(origins_of({{"sys_write", "hermit.63f06f25274a61db-cgu.09"},
                        {"memcpy"},
                        {"tcp_input", "tcp_in.c"},
                        {"_ZN3foo3barEv", "foo.cpp"},
                        {"_ZN3foo3barEv", "hermit.63f06f25274a61db-cgu.09"},
                        {"_Zbroken"}}),
            (Texts{"hermit: sys_write (hermit.63f06f25274a61db-cgu.09)", "[C]: memcpy ([no file] [C])",
                   "[C]: tcp_input (tcp_in.c)", "[C++]: foo::bar() (foo.cpp)",
                   "[C++]: foo::bar() (hermit.63f06f25274a61db-cgu.09)", "[C]: _Zbroken ([no file] [C])"}));
}

TEST(SymbolOrigin, UnnamedConstantsAreOfTheirCodegenUnit) {
  const std::string unit = "core.f7c0b225f0af24fd-cgu.0";
  for (const std::string name :
       {"anon.181de8a6b835ad484665d932f68bb26c.56.llvm.3063527206043058769", "hermit_anon.1.2", "str.0", "vtable.3",
        "switch.table.main", ".Lanon.1", "", "alloc_0123456789abcdef0123456789abcdef"}) {
    EXPECT_EQ(origins_of({{name, unit}, {name}}), (Texts{"core: [unnamed constants] (" + unit + ")",
                                                         "[unknown]: [unnamed constants] ([no file] [unknown])"}));
  }
  EXPECT_EQ(origins_of({{"alloc_page"}}), Texts{"[C]: alloc_page ([no file] [C])"});
}

// Hermit's build adds the prefix `hermit::` to all global names of the kernel's library, for every crate.
TEST(SymbolOrigin, LooksBehindThePrefixOfTheKernel) {
  const Named twice{"_ZN6hermit6hermit2mm4init17h0123456789abcdefE"};
  const Named talc{"_ZN6hermit4talc5alloc17h0123456789abcdefE"};
  const Named trait{"_ZN6hermit49_$LT$log..Level$u20$as$u20$core..fmt..Display$GT$3fmt17h0123456789abcdefE"};
  const Named core{"_ZN6hermit4core3fmt5write17h0123456789abcdefE"};
  const Named time{"_ZN6hermit4time3now17h0123456789abcdefE"};
  const Named module{"_ZN6hermit6hermit4time4init17h0123456789abcdefE"};
  const Named user{"_ZN4talc5alloc17h0123456789abcdefE"};
  const Named time_user{"x", "time.0123-cgu.0"};
  const Named v0{"hermit__RNvNtCs1234_6hermit2mm4init"};
  EXPECT_EQ(origins_of({twice, talc, trait, core, time, module, user, time_user, v0}),
            (Texts{"hermit: hermit::mm::init ([no file] hermit)", "talc: talc::alloc ([no file] talc)",
                   "log: <log::Level as core::fmt::Display>::fmt ([no file] log)",
                   "core: core::fmt::write ([no file] core)", "hermit: hermit::time::now ([no file] hermit)",
                   "hermit: hermit::time::init ([no file] hermit)", "talc: talc::alloc ([no file] talc)",
                   "time: x (time.0123-cgu.0)", "hermit: hermit::mm::init ([no file] hermit)"}));
  // Without the prefix, a module of the kernel can have the name of a crate.
  EXPECT_EQ(origins_of({core, user, talc}),
            (Texts{"hermit: hermit::core::fmt::write ([no file] hermit)", "talc: talc::alloc ([no file] talc)",
                   "hermit: hermit::talc::alloc ([no file] hermit)"}));
}

TEST(SymbolOrigin, TakesTheCrateOfACodegenUnit) {
  EXPECT_EQ(crate_of_unit("hermit.63f06f25274a61db-cgu.09"), "hermit");
  EXPECT_EQ(crate_of_unit("library/core/src/lib.rs/@/core.1234-cgu.0"), "core");
  for (const auto* file : {"", "main.c", "25y8o7um6jwjtcee", "-cgu.", "a-cgu.0"}) EXPECT_EQ(crate_of_unit(file), "");
}

TEST(SymbolOrigin, WhatDoesNotFitInTheBudgetIsOfOthers) {
  Budget budget{0};
  SymbolOrigins origins{budget};
  constexpr std::uint32_t kCount = 20'000;
  for (std::uint32_t i = 0; i < kCount; ++i) origins.add(std::to_string(i) + std::string(200, 'x'), "");
  origins.finish();
  EXPECT_GT(budget.left_out(), 0U);
  EXPECT_EQ(origins.crate(0), kCNames);
  EXPECT_EQ(origins.function(kCount - 1), kOthers);
  EXPECT_EQ(origins.crate(kCount - 1), kOthers);
  EXPECT_EQ(origins.file(kCount - 1), kOthers);
}

// A name that cannot be demangled can take a long time.
TEST(SymbolOrigin, GivesUpDemanglingAfterSomeFailures) {
  Budget budget{10 << 20};
  SymbolOrigins origins{budget};
  const std::string good = "_ZN1a1f17h0123456789abcdefE";
  origins.add(good, "");
  for (int i = 0; i < 16'384; ++i) origins.add("_Zbroken" + std::to_string(i), "");
  const auto last = origins.add(good, "");
  origins.finish();
  EXPECT_EQ(origins.function(0), "a::f");
  EXPECT_EQ(origins.function(last), good);
}

TEST(SymbolOrigin, ShortensLongNames) {
  const std::string name(1'000'000, 'x');
  EXPECT_EQ(origins_of({{name, name}}), Texts{"[C]: " + shortened(name) + " (" + shortened(name) + ")"});
}

}  // namespace
}  // namespace hermitage::inspect
