// The functions that compilers call implicitly. They do not use SSE, because a guest runs before it is enabled.
#include <cstddef>
#include <cstdint>

namespace {

#if defined(__x86_64__)
// One instruction: CPUs execute it at full width, and a KVM that emulates guests interprets only one instruction.
void copy_forwards(void* to, const void* from, std::size_t size) {
  asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
}
void fill(void* to, int value, std::size_t size) {
  asm volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(value) : "memory");
}
#else
void copy_forwards(void* to, const void* from, std::size_t size) {
  auto* out = static_cast<unsigned char*>(to);
  const auto* in = static_cast<const unsigned char*>(from);
  std::size_t i = 0;
  // Copy eight bytes at a time, unaligned. Each is read before it is written, as memmove requires.
  for (; i + sizeof(std::uint64_t) <= size; i += sizeof(std::uint64_t)) {
    std::uint64_t word;
    __builtin_memcpy(&word, in + i, sizeof word);
    __builtin_memcpy(out + i, &word, sizeof word);
  }
  for (; i < size; ++i) out[i] = in[i];
}
void fill(void* to, int value, std::size_t size) {
  auto* out = static_cast<unsigned char*>(to);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<unsigned char>(value);
}
#endif

}  // namespace

extern "C" {

void* memcpy(void* to, const void* from, std::size_t size) {
  copy_forwards(to, from, size);
  return to;
}

void* memmove(void* to, const void* from, std::size_t size) {
  auto* out = static_cast<unsigned char*>(to);
  const auto* in = static_cast<const unsigned char*>(from);
  if (reinterpret_cast<std::uintptr_t>(to) <= reinterpret_cast<std::uintptr_t>(from)) return memcpy(to, from, size);
  for (std::size_t i = size; i > 0; --i) out[i - 1] = in[i - 1];
  return to;
}

void* memset(void* to, int value, std::size_t size) {
  fill(to, value, size);
  return to;
}

int memcmp(const void* left, const void* right, std::size_t size) {
  const auto* a = static_cast<const unsigned char*>(left);
  const auto* b = static_cast<const unsigned char*>(right);
  for (std::size_t i = 0; i < size; ++i) {
    if (a[i] != b[i]) return a[i] - b[i];
  }
  return 0;
}

std::size_t strlen(const char* text) {
  std::size_t size = 0;
  while (text[size] != '\0') ++size;
  return size;
}

}  // extern "C"
