#include "hermitage/inspect/demangle.hpp"

#include <csetjmp>
#include <cstddef>

#include <libiberty/demangle.h>

namespace hermitage::inspect {
namespace {

constexpr std::size_t kMaxMangled = 16384;
constexpr std::size_t kMaxDemangled = 65536;
constexpr int kOptions = DMGL_PARAMS | DMGL_ANSI;

// The output of libiberty. A short malicious name can expand to gigabytes of text, and libiberty has no way to stop:
// the code jumps over its stack frames instead. (For Rust names with punycode, this leaks a few bytes of heap.)
struct Output {
  char text[kMaxDemangled];
  std::size_t size = 0;
  std::jmp_buf full;
};

extern "C" void append_demangled(const char* text, std::size_t size, void* opaque) {
  auto* output = static_cast<Output*>(opaque);
  if (size > kMaxDemangled - output->size) std::longjmp(output->full, 1);
  for (std::size_t i = 0; i < size; ++i) output->text[output->size++] = text[i];
}

// The number of back references in a C++ name: such as S_, S0_ and T_.
auto count_back_references(std::string_view symbol) -> std::size_t {
  constexpr std::string_view kDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  std::size_t count = 0;
  for (std::size_t at = 0; at < symbol.size(); ++at) {
    if (symbol[at] != 'S' && symbol[at] != 'T') continue;
    const auto end = symbol.find_first_not_of(kDigits, at + 1);
    if (end != std::string_view::npos && symbol[end] == '_') ++count;
  }
  return count;
}

// Whether libiberty may run for a very long time without output. It searches for a parameter pack through all types
// of the back references, and their number doubles with each back reference.
auto is_costly_cpp_name(std::string_view symbol) -> bool {
  constexpr std::size_t kMaxBackReferences = 16;
  const auto has = [symbol](std::string_view code) { return symbol.find(code) != std::string_view::npos; };
  return (has("Dp") || has("sp") || has("sZ") || has("sP")) && count_back_references(symbol) > kMaxBackReferences;
}

// The same for Rust: libiberty counts through the lifetimes of a binder, and the name can state any number of them.
// Real names never need three or more digits (3,906 lifetimes).
auto is_costly_rust_name(std::string_view symbol) -> bool {
  constexpr std::string_view kBase62 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  constexpr std::size_t kMaxDigits = 2;
  for (std::size_t at = 1; at < symbol.size(); ++at) {
    if (symbol[at] != 'G' || (symbol[at - 1] != 'F' && symbol[at - 1] != 'D')) continue;
    const auto end = symbol.find_first_not_of(kBase62, at + 1);
    if (end != std::string_view::npos && symbol[end] == '_' && end - at - 1 > kMaxDigits) return true;
  }
  return false;
}

using Demangler = int (*)(const char*, int, demangle_callbackref, void*);

// Objects with destructors must not exist in this frame or in that of append_demangled: the jump skips them.
auto run(Demangler demangler, const char* symbol, Output* output) -> bool {
  output->size = 0;
  if (setjmp(output->full) != 0) return false;
  return demangler(symbol, kOptions, append_demangled, output) != 0;
}

}  // namespace

auto demangle(std::string_view symbol) -> std::string {
  std::string name{symbol};
  const bool has_nul = symbol.find('\0') != std::string_view::npos;
  if (symbol.size() > kMaxMangled || has_nul) return name;
  if (is_costly_rust_name(symbol) || is_costly_cpp_name(symbol)) return name;
  // Legacy Rust names are also valid C++ names, so the Rust demangler comes first.
  for (const Demangler demangler : {&rust_demangle_callback, &cplus_demangle_v3_callback}) {
    Output output;
    if (run(demangler, name.c_str(), &output) && output.size != 0) return std::string{output.text, output.size};
  }
  return name;
}

}  // namespace hermitage::inspect
