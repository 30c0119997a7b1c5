// A fair mutex.
#pragma once

#include <mutex>

namespace hermitage::vmm {

// A thread that locks it repeatedly does not block other threads: a waiting thread gets the mutex before a thread that
// locks it again.
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
