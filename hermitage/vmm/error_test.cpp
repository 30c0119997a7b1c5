#include "hermitage/vmm/error.hpp"

#include <cerrno>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "hermitage/entry/formatters.hpp"

namespace hermitage::vmm {
namespace {

static_assert(entry::AnyProblem<Error>);

TEST(Error, HasTheShapeOfAllErrors) {
  const auto error = fail(ErrorCode::kvm_missing, "there is no /dev/kvm").error();
  EXPECT_EQ(error.name(), "kvm_missing");
  EXPECT_EQ(error.severity(), entry::Severity::error);
  EXPECT_EQ(error.message(), "there is no /dev/kvm");
  EXPECT_EQ(fmt::format("{}", error), error.message());
}

TEST(Error, IsNamedAsItsCode) {
  for (const auto& [code, name] :
       {std::pair{ErrorCode::configuration, "configuration"}, std::pair{ErrorCode::image, "image"},
        std::pair{ErrorCode::kvm_permission, "kvm_permission"}, std::pair{ErrorCode::kvm_failed, "kvm_failed"},
        std::pair{ErrorCode::host_failed, "host_failed"}}) {
    EXPECT_EQ((Error{code, ""}.name()), name);
  }
}

TEST(SystemFailure, NamesTheCallAndTheError) {
  EXPECT_EQ(system_failure("open", ENOENT).error(), (Error{ErrorCode::host_failed, "open: No such file or directory"}));
}

}  // namespace
}  // namespace hermitage::vmm
