#include "hermitage/vmm/observe/vcpu_observer.hpp"

#include <algorithm>

namespace hermitage::vmm::observe {

void ExitTimes::add(const char* name, std::chrono::nanoseconds time) {
  const auto known = std::ranges::find(kinds_, name, &Kind::name);
  if (known != kinds_.end()) return known->times->add(time);
  kinds_.push_back({.name = name, .times = std::make_unique<Histogram>()});
  kinds_.back().times->add(time);
}

}  // namespace hermitage::vmm::observe
