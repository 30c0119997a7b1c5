#include "hermitage/inspect/rust_path.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace hermitage::inspect {
namespace {

TEST(RustPath, AFunctionHasNoGenericArguments) {
  const struct {
    std::string_view name, path;
  } kCases[] = {
      {"hermit::mm::init", "hermit::mm::init"},
      {"main", "main"},
      {"", ""},
      {"core::ptr::drop_in_place::<alloc::string::String>", "core::ptr::drop_in_place"},
      {"a::f::<fn(u8) -> u8>::g", "a::f::g"},
      {"core::ptr::drop_in_place<alloc::string::String>", "core::ptr::drop_in_place<alloc::string::String>"},
      {"<a::T as b::U<c::V>>::f", "<a::T as b::U<c::V>>::f"},
      {"<a::T as b::U>::f::<u8>", "<a::T as b::U>::f"},
      {"core::fmt::num::<impl core::fmt::Debug for u32>::fmt", "core::fmt::num::<impl core::fmt::Debug for u32>::fmt"},
  };
  for (const auto& [name, path] : kCases) EXPECT_EQ(function_path(name, Mangling::v0), path);
}

TEST(RustPath, ALegacyNameHasNoArgumentsOfGenerics) {
  EXPECT_EQ(function_path("hermit::<a::T as b::U>::f", Mangling::legacy), "hermit::<a::T as b::U>::f");
  EXPECT_EQ(function_path("hermit::<dyn a::T>::f::{{closure}}", Mangling::legacy), "hermit::<dyn a::T>::f");
}

TEST(RustPath, AClosureIsItsFunction) {
  EXPECT_EQ(function_path("a::f::{{closure}}", Mangling::v0), "a::f");
  EXPECT_EQ(function_path("a::f::{{closure}}::{{closure}}", Mangling::v0), "a::f");
  EXPECT_EQ(function_path("a::f::{closure#0}", Mangling::v0), "a::f");
  EXPECT_EQ(function_path("a::f::<u8>::{closure#1}::g", Mangling::v0), "a::f");
  EXPECT_EQ(function_path("<a::T as b::U>::f::{closure#0}", Mangling::v0), "<a::T as b::U>::f");
  EXPECT_EQ(function_path("core::ptr::drop_in_place<a::f::{{closure}}>", Mangling::v0),
            "core::ptr::drop_in_place<a::f::{{closure}}>");
  EXPECT_EQ(function_path("a::f::{shim:vtable#0}", Mangling::v0), "a::f::{shim:vtable#0}");
}

TEST(RustPath, WhatIsNoPathComesBackWhole) {
  for (const auto* name : {"<", "::", "<a", "a::<", "{{", "a::{", ">>", "->", "a b"}) {
    static_cast<void>(crate_of(name));
    EXPECT_LE(function_path(name, Mangling::v0).size(), std::string_view{name}.size());
  }
  EXPECT_EQ(function_path("a::<b", Mangling::v0), "a");
}

TEST(RustPath, TheCrateIsTheFirstSegment) {
  const struct {
    std::string_view path, crate;
  } kCases[] = {
      {"hermit::mm::init", "hermit"},
      {"core::fmt::num::<impl core::fmt::Debug for u32>::fmt", "core"},
      {"main", ""},
      {"", ""},
      {"::a", ""},
      {"operator delete(void*)::x", ""},
      {"<a::T>::f", "a"},
      {"<a::T as core::fmt::Debug>::fmt", "a"},
      {"<&a::T as core::fmt::Debug>::fmt", "a"},
      {"<&mut [a::T] as b::U>::f", "a"},
      {"<*const a::T as b::U>::f", "a"},
      {"<(a::T, c::V) as b::U>::f", "a"},
      {"<dyn a::T as core::any::Any>::type_id", "a"},
      {"<<a::T as b::U>::V as c::W>::f", "a"},
  };
  for (const auto& [path, crate] : kCases) EXPECT_EQ(crate_of(path), crate) << path;
}

TEST(RustPath, AStandardTypeGivesWayToTheTrait) {
  const struct {
    std::string_view path, crate;
  } kCases[] = {
      {"<u8 as a::T>::f", "a"},
      {"<T as a::U>::f", "a"},
      {"<&T as core::fmt::Debug>::fmt", "core"},
      {"<() as a::T>::f", "a"},
      {"<alloc::vec::Vec<b::T> as a::U>::f", "a"},
      {"<alloc::string::String as core::fmt::Display>::fmt", "core"},
      {"<alloc::vec::Vec<T>>::push", "alloc"},
      {"<impl a::T for u8>::f", "a"},
      {"<impl core::fmt::Debug for a::T>::f", "a"},
      {"<[u8]>::f", "core"},
      {"<fn(u8) -> u8 as a::T>::f", "a"},
  };
  for (const auto& [path, crate] : kCases) EXPECT_EQ(crate_of(path), crate) << path;
}

TEST(RustPath, NamesTheCratesWithinAPath) {
  using Crates = std::vector<std::string_view>;
  EXPECT_EQ(crates_within("<a::T as b::U<c::V>>::f"), (Crates{"a", "b", "c"}));
  EXPECT_EQ(crates_within("hermit::<&mut a::T<u8,b::U> as c::V>::f"), (Crates{"a", "b", "c"}));
  EXPECT_EQ(crates_within("a::b::c"), Crates{});
  EXPECT_EQ(crates_within("a::f::{{closure}}::<::"), Crates{});
  EXPECT_EQ(crates_within(""), Crates{});
  EXPECT_EQ(crates_within("<"), Crates{});
}

TEST(RustPath, TheKernelsPrefixGoesWhereACrateFollows) {
  const auto is_crate = [](std::string_view name) { return name == "talc" || name == "hermit"; };
  const auto strip = [&](std::string_view path) { return without_kernel_prefix(path, is_crate); };
  EXPECT_EQ(strip("hermit::hermit::mm::init"), "hermit::mm::init");
  EXPECT_EQ(strip("hermit::talc::f"), "talc::f");
  EXPECT_EQ(strip("hermit::<a::T as b::U>::f"), "<a::T as b::U>::f");
  EXPECT_EQ(strip("hermit::mm::init"), "hermit::mm::init");
  EXPECT_EQ(strip("hermit::talc"), "hermit::talc");
  EXPECT_EQ(strip("talc::f"), "talc::f");
  EXPECT_EQ(strip("main"), "main");
}

}  // namespace
}  // namespace hermitage::inspect
