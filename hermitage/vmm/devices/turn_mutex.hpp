// A mutex that is taken in turns.
#pragma once

#include <mutex>

namespace hermitage::vmm {

// A thread that takes it again and again does not keep others from it: whoever waits is next, before one that comes
// back.
class TurnMutex {
 public:
  void lock() {
    const std::scoped_lock next{next_};
    mutex_.lock();
  }
  void unlock() { mutex_.unlock(); }

 private:
  std::mutex next_;  // held by the thread that waits for mutex_ and is next
  std::mutex mutex_;
};

}  // namespace hermitage::vmm
