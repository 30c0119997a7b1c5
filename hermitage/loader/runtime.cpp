// Functions that the compiler and the standard library's headers require even without the libraries.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "hermitage/loader/failure.hpp"

extern "C" {

#if defined(__x86_64__)

// The processor's string instructions are faster than a loop.
void* memcpy(void* to, const void* from, std::size_t size) {
  void* at = to;
  std::size_t words = size / 8;
  size %= 8;
  asm volatile("rep movsq" : "+D"(at), "+S"(from), "+c"(words) : : "memory");
  asm volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(size) : : "memory");
  return to;
}

void* memset(void* to, int value, std::size_t size) {
  void* at = to;
  std::size_t words = size / 8;
  size %= 8;
  const std::uint64_t word = (static_cast<std::uint64_t>(value) & 0xff) * 0x0101'0101'0101'0101;
  asm volatile("rep stosq" : "+D"(at), "+c"(words) : "a"(word) : "memory");
  asm volatile("rep stosb" : "+D"(at), "+c"(size) : "a"(word) : "memory");
  return to;
}

#else

namespace {

// The unit of copying: eight words in pairs of registers. There are no more registers for it.
struct [[gnu::may_alias]] Words {
  std::uint64_t words[8];
};

auto is_aligned(std::uintptr_t address) -> bool {
  return address % sizeof(std::uint64_t) == 0;
}

}  // namespace

void* memcpy(void* to, const void* from, std::size_t size) {
  auto* out = static_cast<unsigned char*>(to);
  const auto* in = static_cast<const unsigned char*>(from);
  // Copy in large pieces if both addresses can be aligned at the same time.
  if (is_aligned(reinterpret_cast<std::uintptr_t>(out) - reinterpret_cast<std::uintptr_t>(in))) {
    for (; size > 0 && !is_aligned(reinterpret_cast<std::uintptr_t>(out)); --size) *out++ = *in++;
    for (; size >= sizeof(Words); size -= sizeof(Words), out += sizeof(Words), in += sizeof(Words)) {
      *reinterpret_cast<Words*>(out) = *reinterpret_cast<const Words*>(in);
    }
  }
  for (; size > 0; --size) *out++ = *in++;
  return to;
}

void* memset(void* to, int value, std::size_t size) {
  auto* out = static_cast<unsigned char*>(to);
  const auto byte = static_cast<unsigned char>(value);
  const std::uint64_t word = byte * std::uint64_t{0x0101'0101'0101'0101};
  for (; size > 0 && !is_aligned(reinterpret_cast<std::uintptr_t>(out)); --size) *out++ = byte;
  for (; size >= sizeof(Words); size -= sizeof(Words), out += sizeof(Words)) {
    *reinterpret_cast<Words*>(out) = {{word, word, word, word, word, word, word, word}};
  }
  for (; size > 0; --size) *out++ = byte;
  return to;
}

#endif

void* memmove(void* to, const void* from, std::size_t size) {
  auto* out = static_cast<unsigned char*>(to);
  const auto* in = static_cast<const unsigned char*>(from);
  // Copy upwards, unless that would overwrite bytes that are not yet read.
  if (reinterpret_cast<std::uintptr_t>(out) - reinterpret_cast<std::uintptr_t>(in) >= size) {
    return memcpy(to, from, size);
  }
  while (size > 0) {
    --size;
    out[size] = in[size];
  }
  return to;
}

int memcmp(const void* a, const void* b, std::size_t size) {
  const auto* left = static_cast<const unsigned char*>(a);
  const auto* right = static_cast<const unsigned char*>(b);
  for (; size > 0; --size, ++left, ++right) {
    if (*left != *right) return *left < *right ? -1 : 1;
  }
  return 0;
}

std::size_t strlen(const char* text) {
  std::size_t size = 0;
  while (text[size] != '\0') ++size;
  return size;
}
}

// The function that the standard library declares and calls for an index out of range.
namespace std {
void __throw_out_of_range_fmt(const char* format, ...) {  // NOLINT(bugprone-reserved-identifier)
  hermitage::loader::fail(format);
}
}  // namespace std
