/* Prints the time in microseconds from before the fork to the first output that contains TEXT, and kills the program.
 *
 * usage: time_to_text TEXT PROGRAM [WORD...]
 * Exit status: 0; 1 if the output ends before, is too long, or the program cannot be started; 2 wrong usage.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { OUTPUT_SIZE = 1 << 20 };

static char output[OUTPUT_SIZE]; /* and a zero */

static void check(int holds, const char* step) {
  if (holds) return;
  perror(step);
  exit(1);
}

static long long microseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

int main(int argc, char** argv) {
  if (argc < 3) {
    fputs("usage: time_to_text TEXT PROGRAM [WORD...]\n", stderr);
    return 2;
  }
  int ends[2];
  check(pipe2(ends, O_CLOEXEC) == 0, "pipe2");
  const long long begin = microseconds();
  const pid_t child = fork();
  check(child >= 0, "fork");
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    execv(argv[2], argv + 2);
    _exit(127);
  }
  close(ends[1]);
  size_t size = 0;
  while (strstr(output, argv[1]) == NULL) {
    const ssize_t got = read(ends[0], output + size, sizeof output - 1 - size);
    if (got <= 0) break;
    size += (size_t)got;
  }
  const long long end = microseconds();
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  if (strstr(output, argv[1]) == NULL) return 1;
  printf("%lld\n", end - begin);
  return 0;
}
