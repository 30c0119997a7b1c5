/* Prints the executed instructions of a program: the offset of each instruction in the file's image, in hexadecimal,
 * one per line, in the order of their first execution. Discards the output of the program.
 *
 * usage: trace_steps PROGRAM [WORD...]      PROGRAM: statically linked, at most 16 MiB
 * Exit status: the program's; 1 if it cannot be traced; 2 wrong usage.
 *
 * Single-steps all threads of the program, which needs no features of the machine. The program is ten thousand times
 * slower.
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

enum { MAX_IMAGE = 16 << 20 };

static uint8_t has_run[MAX_IMAGE];

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

static void note_instruction(pid_t thread, uintptr_t base) {
  struct user_regs_struct registers;
  if (ptrace(PTRACE_GETREGS, thread, NULL, &registers) != 0) return;
  const uintptr_t offset = registers.rip - base;
  if (offset >= MAX_IMAGE || has_run[offset]) return;
  has_run[offset] = 1;
  printf("%lx\n", (unsigned long)offset);
}

/* Passes signals to the program, except those that tracing causes: traps, and the stop of a new thread. */
static int signal_to_pass_on(int status) {
  const int signal = WSTOPSIG(status);
  return signal == SIGTRAP || signal == SIGSTOP ? 0 : signal;
}

int main(int argc, char** argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: trace_steps PROGRAM [WORD...]\n");
    return 2;
  }
  const pid_t program = start(argv + 1);
  int status = 0;
  check(waitpid(program, &status, 0) == program && WIFSTOPPED(status), argv[1]);
  check(ptrace(PTRACE_SETOPTIONS, program, NULL, PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL) == 0, "PTRACE_SETOPTIONS");
  const uintptr_t base = load_address(program, argv[1]);

  int program_status = 0;
  for (pid_t thread = program; thread > 0; thread = waitpid(-1, &status, __WALL)) {
    if (!WIFSTOPPED(status)) {
      if (thread == program) program_status = status;
      continue;
    }
    note_instruction(thread, base);
    ptrace(PTRACE_SINGLESTEP, thread, NULL, (long)signal_to_pass_on(status));
  }
  return WIFEXITED(program_status) ? WEXITSTATUS(program_status) : 128 + WTERMSIG(program_status);
}
