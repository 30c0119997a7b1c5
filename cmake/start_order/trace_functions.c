/* Prints which functions of a program are executed. Discards the output of the program.
 *
 * usage: trace_functions OFFSETS PROGRAM [WORD...]
 * OFFSETS is a file with the offsets of all functions from the beginning of the image, in hexadecimal, one per line.
 * PROGRAM is statically linked; its image is at most 64 MiB. Prints the offset of each executed function, one per line.
 * Exit status: the program's; 1 if it cannot be traced; 2 wrong usage.
 *
 * The first instruction of each function is replaced by a breakpoint, until a thread gets there.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_IMAGE = 64 << 20, BREAKPOINT = 0xcc };

/* By offset: what the breakpoint has replaced, and whether there was one and is still one. */
static uint8_t code[MAX_IMAGE];
static uint8_t was_set[MAX_IMAGE];
static uint8_t is_set[MAX_IMAGE];

static void check(int holds, const char* step) {
  if (holds) return;
  perror(step);
  exit(1);
}

static pid_t start(char** words) {
  const pid_t pid = fork();
  check(pid >= 0, "fork");
  if (pid > 0) return pid;
  const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd <= 2; ++fd) dup2(nowhere, fd);
  ptrace(PTRACE_TRACEME, 0, NULL, NULL);
  execv(words[0], words);
  _exit(1);
}

/* The first address at which a program's file is mapped. */
static uintptr_t load_address(pid_t pid, const char* program) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
  char* const file = realpath(program, NULL);
  FILE* const maps = fopen(path, "re");
  check(file != NULL && maps != NULL, program);
  char line[4096];
  uintptr_t address = 0;
  while (address == 0 && fgets(line, sizeof line, maps) != NULL) {
    if (strstr(line, file) != NULL) address = strtoul(line, NULL, 16);
  }
  fclose(maps);
  free(file);
  return address;
}

static int open_memory(pid_t pid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
  const int memory = open(path, O_RDWR | O_CLOEXEC);
  check(memory >= 0, path);
  return memory;
}

static void put(int memory, uintptr_t address, uint8_t byte) {
  check(pwrite(memory, &byte, 1, (off_t)address) == 1, "pwrite to the program's memory");
}

static void set_breakpoints(const char* offsets, int memory, uintptr_t base) {
  FILE* const file = fopen(offsets, "re");
  check(file != NULL, offsets);
  char line[64];
  while (fgets(line, sizeof line, file) != NULL) {
    const uintptr_t offset = strtoul(line, NULL, 16);
    if (offset >= MAX_IMAGE || was_set[offset]) continue;
    check(pread(memory, &code[offset], 1, (off_t)(base + offset)) == 1, "pread of the program's memory");
    put(memory, base + offset, BREAKPOINT);
    was_set[offset] = is_set[offset] = 1;
  }
  fclose(file);
}

/* If the thread is at a breakpoint, removes it, and lets the thread execute the replaced instruction. Another thread
 * may have removed it before. Returns whether it was a breakpoint. */
static int continue_function(pid_t thread, int memory, uintptr_t base) {
  struct user_regs_struct registers;
  if (ptrace(PTRACE_GETREGS, thread, NULL, &registers) != 0) return 0;
  const uintptr_t offset = registers.rip - 1 - base;
  if (offset >= MAX_IMAGE || !was_set[offset]) return 0;
  if (is_set[offset]) {
    put(memory, base + offset, code[offset]);
    is_set[offset] = 0;
    printf("%lx\n", (unsigned long)offset);
  }
  --registers.rip;
  check(ptrace(PTRACE_SETREGS, thread, NULL, &registers) == 0, "PTRACE_SETREGS");
  return 1;
}

/* The signal to pass on to a stopped thread: none for a breakpoint, and for the stop of a new thread. */
static int signal_after_stop(pid_t thread, int status, int memory, uintptr_t base) {
  const int signal = WSTOPSIG(status);
  if (signal == SIGTRAP && (status >> 16) == 0 && continue_function(thread, memory, base)) return 0;
  return signal == SIGTRAP || signal == SIGSTOP ? 0 : signal;
}

int main(int argc, char** argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: trace_functions OFFSETS PROGRAM [WORD...]\n");
    return 2;
  }
  const pid_t program = start(argv + 2);
  int status = 0;
  check(waitpid(program, &status, 0) == program && WIFSTOPPED(status), argv[2]);
  check(ptrace(PTRACE_SETOPTIONS, program, NULL, PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL) == 0, "PTRACE_SETOPTIONS");
  const uintptr_t base = load_address(program, argv[2]);
  const int memory = open_memory(program);
  set_breakpoints(argv[1], memory, base);
  ptrace(PTRACE_CONT, program, NULL, 0L);

  int program_status = 0;
  for (pid_t thread; (thread = waitpid(-1, &status, __WALL)) > 0;) {
    if (!WIFSTOPPED(status)) {
      if (thread == program) program_status = status;
      continue;
    }
    ptrace(PTRACE_CONT, thread, NULL, (long)signal_after_stop(thread, status, memory, base));
  }
  return WIFEXITED(program_status) ? WEXITSTATUS(program_status) : 128 + WTERMSIG(program_status);
}
