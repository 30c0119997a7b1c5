/* The calls of KVM that the guests of all architectures need. Every failure ends the program. */
#pragma once

#include "bare_machine.h"

/* Calls an ioctl that must succeed, and returns its result. `name` is for the message. */
int call_kvm(int fd, unsigned long request, void* argument, const char* name);
#define CALL(fd, request, argument) call_kvm(fd, request, argument, #request)

/* Opens KVM, whose version must be the one of the headers. */
int open_kvm(void);

/* Maps the structure that a vCPU shares with this program. */
struct kvm_run* map_run(int kvm, int vcpu);
