// Options of AddressSanitizer for the programs of this build; see sanitizer/asan_interface.h.

// A thread with an alternative signal stack calls sigaltstack(2) when it ends, which filters for system calls forbid.
extern "C" auto __asan_default_options() -> const char* {  // NOLINT(bugprone-reserved-identifier): the runtime's name
  return "use_sigaltstack=0";
}
