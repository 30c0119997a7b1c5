#include "hermitage/oci/annotations.hpp"

#include <gtest/gtest.h>

namespace hermitage::oci {
namespace {

auto with(const std::string& annotations) -> Json {
  return *parse_json(R"({"annotations":)" + annotations + "}");
}

TEST(Annotations, CanBeThoseOfOneContainerInAPod) {
  const auto config = with(R"({"a.b":"all","a.b.web":"web","io.kubernetes.cri.container-name":"web"})");
  EXPECT_EQ(string_of(annotation_of(config, "a.b")), "web");
  EXPECT_EQ(string_of(annotation_of(with(R"({"a.b":"x","a.b.c":"y","io.kubernetes.container.name":"d"})"), "a.b")),
            "x");
  EXPECT_TRUE(is_annotation(config, "a.b.other", "a.b"));
  EXPECT_TRUE(is_annotation(config, "a.b", "a.b"));
  EXPECT_FALSE(is_annotation(config, "a.bc", "a.b"));
  EXPECT_FALSE(is_annotation(config, "a", "a.b"));
}

TEST(Annotations, HaveNoNamesOutsideOfPods) {
  const auto config = with(R"({"a.b":"all","a.b.web":"web"})");
  EXPECT_EQ(string_of(annotation_of(config, "a.b")), "all");
  EXPECT_FALSE(is_annotation(config, "a.b.web", "a.b"));
}

TEST(Annotations, MayBeMissing) {
  for (const auto* const other : {"null", "7", "[]", "{}", R"({"io.kubernetes.cri.container-name":7})"}) {
    EXPECT_EQ(annotation_of(with(other), "a"), nullptr) << other;
    EXPECT_FALSE(is_annotation(with(other), "a.b", "a")) << other;
  }
  EXPECT_EQ(annotation_of(*parse_json("7"), "a"), nullptr);
}

}  // namespace
}  // namespace hermitage::oci
