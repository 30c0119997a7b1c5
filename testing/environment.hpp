// Environment variables in tests.
#pragma once

#include <cstdlib>
#include <optional>
#include <string>

namespace hermitage::testing {

// An environment variable that has another value until it is destroyed.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_{name} {
    if (const auto* const before = std::getenv(name)) before_ = before;
    ::setenv(name, value.c_str(), 1);
  }
  Variable(const Variable&) = delete;
  auto operator=(const Variable&) -> Variable& = delete;
  ~Variable() {
    if (before_) {
      ::setenv(name_, before_->c_str(), 1);
    } else {
      ::unsetenv(name_);
    }
  }

 private:
  const char* name_;
  std::optional<std::string> before_;
};

}  // namespace hermitage::testing
