#!/usr/bin/env python3
"""Debugs guests with gdb and lldb, as users do.

usage: testing/debuggers/run.py HERMITAGE GUESTS CASE...      GUESTS: the build's guests; `all` for every case
Exit status: 0 if all cases pass, 1 if one fails, 77 if a debugger, KVM, QEMU or a guest for it is missing.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from case_runner import Failed, Skipped, check, run_cases  # noqa: E402

SECONDS = 60
# Hosts, or builds with sanitizers, may lack these.
MISSING = re.compile(r"/dev/kvm|KVM_CREATE_VM|boot loader .* not found|qemu-system-\S+ is not installed")


def contains(text, *parts):
    """Checks that the text contains the parts in this order."""
    at = 0
    for part in parts:
        found = text.find(part, at)
        check(found >= 0, f"'{part}' is not in its place:\n{text}")
        at = found + len(part)


class Guest:
    """A guest with a debugger port at `place` when the `with` block begins. It is killed when the block ends."""

    def __init__(self, name, *words, options=(), engine="kvm", arch="x86_64", waits=True):
        guest = Path(name) if "/" in name else GUESTS / arch / "if3" / name
        if not guest.exists():
            raise Skipped(f"there is no guest {guest}")
        self.directory = tempfile.TemporaryDirectory(prefix="hermitage-debugger-")
        self.place = f"{self.directory.name}/gdb"
        self.command = [HERMITAGE, "run", "--engine", engine, "--gdb", f"unix:{self.place}",
                        *([] if waits else ["--gdb-no-wait"]), *options, str(guest), *words]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        end = time.monotonic() + SECONDS
        while not os.path.exists(self.place):
            if self.process.poll() is not None:
                said = self.process.stderr.read()
                if MISSING.search(said):
                    raise Skipped(said.strip())
                raise Failed(f"the guest does not start: {said}")
            check(time.monotonic() < end, "nothing to connect to")
            time.sleep(0.01)
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.communicate()
        self.directory.cleanup()

    def end(self):
        """Returns its output, its messages and its exit status."""
        output, messages = self.process.communicate(timeout=SECONDS)
        return output, messages, self.process.returncode

    def connect(self):
        end = time.monotonic() + SECONDS
        while True:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(SECONDS)
            try:
                connection.connect(self.place)
                return connection
            except ConnectionRefusedError:  # the socket has its name before it listens
                connection.close()
                check(time.monotonic() < end, "no connection")
                time.sleep(0.01)


def debugger(name):
    path = shutil.which(name)
    if not path:
        raise Skipped(f"there is no {name}")
    return path


def gdb_words(guest, commands, program="gdb"):
    words = [debugger(program), "-batch", "-nx"]
    for command in ("set confirm off", "set pagination off", "set width 0", "set debuginfod enabled off",
                    f"target remote {guest.place}", *commands):
        words += ["-ex", command]
    return words


def gdb(guest, *commands, program="gdb"):
    """Returns the output of gdb for these commands."""
    ran = subprocess.run(gdb_words(guest, commands, program), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, timeout=SECONDS)
    return ran.stdout


def case_gdb_breaks_and_steps():
    with Guest("hello") as guest:
        said = gdb(guest, "info symbol $pc", "break guest_main", "continue", "backtrace", "stepi", "info symbol $pc",
                   "info breakpoints", "finish", "continue")
        contains(said, "_start in section .text", "Breakpoint 1, ", "guest_main", "#0 ", "guest_main", "#1 ",
                 "guest_start", "guest_main() + 4 in section", "breakpoint already hit 1 time",
                 "exited normally")
        output, _, status = guest.end()
        check(output == "Hello from a Hermit kernel in C++\n" and status == 0, f"{status}, {output}")


def case_gdb_watches():
    """Uses single steps, which every host supports."""
    with Guest("hello") as guest:
        said = gdb(guest, "set can-use-hw-watchpoints 0", "watch *(long*)&'guest::(anonymous namespace)::the_boot_info'",
                   "continue", "delete", "continue")
        contains(said, "Watchpoint 1", "Watchpoint 1", "Old value = 0", "New value = ", "exited normally")


def case_gdb_sees_all_vcpus():
    with Guest("smp", options=("-c", "4")) as guest:
        said = gdb(guest, "break guest_main", "continue", "info threads", "thread 4", "print $rip != 0", "delete",
                   "continue")
        contains(said, "hit Breakpoint 1", 'Thread 1 "vCPU 0"', 'Thread 2 "vCPU 1"', 'Thread 3 "vCPU 2"',
                 'Thread 4 "vCPU 3"', "Switching to thread 4", "= 1", "exited normally")
        output, _, status = guest.end()
        check(sorted(output.split("\n")) == ["", *(f"CPU {i} of 4" for i in range(4))] and status == 0, output)


def case_gdb_steps_one_of_several():
    with Guest("smp", options=("-c", "4")) as guest:
        said = gdb(guest, "set scheduler-locking on", "thread 3", "print/x $rip", "stepi", "stepi", "print/x $rip", "thread 2",
                   "print/x $rip", "info symbol $pc", "set scheduler-locking off", "continue")
        first, second, other = re.findall(r"\$\d+ = (0x[0-9a-f]+)", said)
        check(first == other and second != first, f"others have moved, or it has not:\n{said}")
        contains(said, "exited normally")


def case_gdb_interrupts():
    with Guest("hostile", "loop") as guest:
        process = subprocess.Popen(gdb_words(guest, ["continue", "info symbol $pc", "kill"]), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=SECONDS)
        contains(said, "Program received signal SIGINT", "loop_forever")
        check(guest.end()[2] == 128 + signal.SIGKILL, "kill does not end it")


def case_gdb_changes_the_guest():
    """Checks all bits of an exit code that gdb has set."""
    with Guest("exit_code", "7") as guest:
        said = gdb(guest, "break guest::exit", "continue", "print $rdi", "set $rdi = 300", "print $rdi", "print $xmm1",
                   "set $xmm1.v2_int64[1] = 5", "print $xmm1.v2_int64[1]", "delete", "continue")
        contains(said, "Breakpoint 1", "$1 = 7", "$2 = 300", "= 5", "exited with code 0454")
        check(guest.end()[2] == 300 % 256, "it is not our exit status")
    with Guest("hello") as guest:
        said = gdb(guest, "break guest_main", "continue", "set {int}$pc = 0", "disassemble guest_main,+2",
                   "print {char}0x123456789", "print *(char*)0", "kill")
        contains(said, "Breakpoint 1", "add    %al,(%rax)", "Cannot access memory at address 0x123456789")


def case_gdb_attaches_again():
    with Guest("waits", "stay", "spin", options=("--timeout", "40")) as guest:
        said = gdb(guest, "break guest_main", "continue", "detach")
        contains(said, "Breakpoint 1", "detached")
        said = gdb(guest, "info symbol $pc", "stepi", "detach")
        contains(said, "spin", "detached")
        said = gdb(guest, "kill")
        check(guest.end()[2] == 128 + signal.SIGKILL, said)


def case_gdb_kills():
    with Guest("hello") as guest:
        gdb(guest, "kill")
        output, _, status = guest.end()
        check(output == "" and status == 128 + signal.SIGKILL, f"{status}, {output}")


def case_gdb_sees_a_death():
    with Guest("hostile", "invalid-opcode") as guest:
        said = gdb(guest, "continue", "info registers rip", "continue")
        contains(said, "Program received signal SIGSEGV", "rip", "Program terminated with signal SIGSEGV")
        _, messages, status = guest.end()
        check("the guest crashed" in messages and status == 126, f"{status}, {messages}")


def case_gdb_has_commands_of_ours():
    with Guest("hello") as guest:
        said = gdb(guest, "monitor help", "monitor regs", "monitor stats", "monitor pagetable 0x0", "info mem",
                   "break guest::exit", "continue", "monitor hypercalls", "monitor quit")
        contains(said, "pagetable ADDR", "rip      0x", "cr3      0x", "serial_write_buffer(0x")
        check(guest.end()[2] == 128 + signal.SIGKILL, "monitor quit does not end it")


def case_gdb_traces_hypercalls():
    for commands, is_traced in ((("monitor trace on",), True), (("monitor trace on", "monitor trace off"), False),
                                ((), False)):
        with Guest("hello") as guest:
            gdb(guest, *commands, "continue")
            _, messages, status = guest.end()
            check(status == 0 and ("serial_write_buffer(" in messages) == is_traced, f"{commands}: {status}, {messages}")


def run_guest(name, *words, options=()):
    """Returns the messages and the exit status of a guest without a debugger."""
    guest = GUESTS / "x86_64/if3" / name
    if not guest.exists():
        raise Skipped(f"there is no guest {guest}")
    ran = subprocess.run([HERMITAGE, "run", "--engine", "kvm", *options, str(guest), *words], stdin=subprocess.DEVNULL,
                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=SECONDS)
    if MISSING.search(ran.stderr) or "registers unknown" in ran.stderr:
        raise Skipped(ran.stderr.strip())
    return ran.stderr, ran.returncode


def case_a_crash_has_a_backtrace():
    messages, status = run_guest("crash", options=("--verbose",))
    check(status == 126, f"{status}, {messages}")
    contains(messages, "a triple fault", "#0 ", "::end(", "crash.cpp:", "#1 ", "::descend(", "#2 ", "::descend(", "#3 ",
             "::descend(", "#4 ", "guest_main()", "crash.cpp:", "last hypercalls of vCPU 0:", 'open("/missing"')
    messages, _ = run_guest("crash", "jump")
    contains(messages, "#0  0x700000000000\n", "#1 ", "::end(", "#2 ", "::descend(")


def gdb_on_core(core, name, *commands):
    words = [debugger("gdb"), "-batch", "-nx", "-ex", "set width 0", "-ex", "set debuginfod enabled off"]
    for command in (f"file {GUESTS / 'x86_64/if3' / name}", f"core-file {core}", *commands):
        words += ["-ex", command]
    return subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=SECONDS).stdout


def case_gdb_opens_a_core():
    with tempfile.TemporaryDirectory(prefix="hermitage-core-") as directory:
        core = Path(directory, "core")
        # A part of the environment, and of the memory of the process that starts.
        secret = "a-secret-of-the-host"
        os.environ["HERMITAGE_TEST_SECRET"] = secret
        for name in ("crash", "crash-fixed"):
            messages, status = run_guest(name, options=("--core", str(core)))
            check(status == 126, f"{status}, {messages}")
            contains(messages, f"the core file {core} has ")
            said = gdb_on_core(core, name, "info threads", "backtrace", "print/x crash_count", "print crash_text", "up",
                               "print depth", "x/i $pc")
            contains(said, "Program terminated with signal SIGSEGV", "* 1 ", "#0 ", "end (", "#1 ", "descend (",
                     "guest_main ()", "= 0x1235", "Hello from the guest crash", "= 3")
            content = core.read_bytes()
            check(b"vCPU 0 crashed: a triple fault" in content and b'open("/missing"' in content, "the note")
            check(secret.encode() not in content and b"HERMITAGE_TEST_SECRET" not in content, "a secret of the host")
            check(core.stat().st_mode & 0o777 == 0o600, "others can read it")
        messages, status = run_guest("crash", "exit", options=("--core", str(core), "--core-on", "exit"))
        check(status == 7, f"{status}, {messages}")
        said = gdb_on_core(core, "crash", "backtrace")
        contains(said, "#0 ", "exit")
        messages, _ = run_guest("crash", options=("--core", "/dev/full"))
        check("not a regular file" in messages, messages)


def case_quit_writes_a_core():
    with tempfile.TemporaryDirectory(prefix="hermitage-core-") as directory:
        core = Path(directory, "core")
        with Guest("waits", "stay", "spin", options=("-c", "2", "--core", str(core)), waits=False) as guest:
            check(guest.process.stdout.readline() == "ready\n", "it does not start")
            guest.process.send_signal(signal.SIGQUIT)
            _, messages, status = guest.end()
            check(status == 128 + signal.SIGQUIT, f"{status}, {messages}")
            contains(messages, "the core file ")
            contains(gdb_on_core(core, "waits", "info threads"), "signal SIGQUIT", "* 1 ", "LWP 1", "2 ", "LWP 2")


def case_gdb_is_not_waited_for():
    with Guest("waits", "stay", "spin", options=("--timeout", "40"), waits=False) as guest:
        time.sleep(0.5)
        said = gdb(guest, "info symbol $pc", "kill")
        contains(said, "spin")


def lldb_breaks_and_steps(*words):
    with Guest("hello") as guest:
        script = Path(guest.directory.name, "commands")
        script.write_text(f"""process connect --plugin gdb-remote unix-connect://{guest.place}
breakpoint set -n guest_main
continue
thread backtrace
thread step-inst
register read rip
memory read $rip --count 4
thread list
process detach
""")
        # The debugger needs an open standard input.
        process = subprocess.Popen([debugger("lldb"), "--no-lldbinit", "-b", "-s", script, *words],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        process.wait(timeout=SECONDS)
        said = process.stdout.read()
        contains(said, "stop reason = breakpoint 1.1", "frame #0", "guest_main", "frame #1", "guest_start",
                 "instruction step", "guest_main() + 4", "detached")
        output, _, status = guest.end()
        check(output == "Hello from a Hermit kernel in C++\n" and status == 0, f"{status}, {output}")


def case_lldb_breaks_and_steps():
    lldb_breaks_and_steps(GUESTS / "x86_64/if3/hello")


def case_lldb_finds_the_kernel():
    """At a random address, without the kernel on the command line."""
    lldb_breaks_and_steps()


def case_packed_images_have_their_symbols():
    kernel = GUESTS / "x86_64/if3/hello"
    if not kernel.exists():
        raise Skipped("there is no guest hello")
    with tempfile.TemporaryDirectory(prefix="hermitage-debugger-") as directory:
        image = f"{directory}/image.tar.gz"
        subprocess.run([HERMITAGE, "image", "create", "-o", image, "--kernel", str(kernel)], check=True,
                       stdout=subprocess.DEVNULL)
        with Guest(image) as guest:
            said = gdb(guest, "break guest_main", "continue", "backtrace", "delete", "continue")
            contains(said, "Breakpoint 1", "guest_main", "guest_start", "exited normally")


def case_garbage_is_no_end():
    garbage = [b"$", b"$g", b"$m0,ffffffffffffffff#fb", b"\x03" * 1000, b"$" + b"a" * 100000, b"-" * 100, b"+" * 1000,
               b"$Z0,#00$vCont;#00$#00", os.urandom(65536), b"$P" + b"f" * 5000 + b"#00", b"$?#3f$?#3f$?#3f"]
    with Guest("hello") as guest:
        for bytes_ in garbage:
            connection = guest.connect()
            connection.sendall(bytes_)
            time.sleep(0.05)
            connection.close()
            check(guest.process.poll() is None, f"{bytes_[:20]} ends it")
        said = gdb(guest, "break guest_main", "continue", "delete", "continue")
        contains(said, "Breakpoint 1", "exited normally")


def case_ends_while_it_stands():
    with Guest("hello", options=("--timeout", "1")) as guest:
        connection = guest.connect()
        begin = time.monotonic()
        check(guest.end()[2] == 124, "the time limit does not end a guest that stands")
        check(time.monotonic() - begin < 5, "it takes too long")
        connection.close()
    with Guest("waits", "stay", "spin", options=("-c", "4")) as guest:
        connection = guest.connect()
        connection.sendall(b"$?#3f")
        check(connection.recv(1) == b"+", "no answer")
        guest.process.terminate()
        check(guest.end()[2] == 128 + signal.SIGTERM, "SIGTERM does not end a guest that stands")
        connection.close()


def case_gdb_in_qemu():
    with Guest("hello", engine="qemu", options=("--qemu-arg=-accel", "--qemu-arg=tcg")) as guest:
        # The loader's log states the address of the kernel.
        kernel = GUESTS / "x86_64/if3/hello"
        said = gdb(guest, f"add-symbol-file {kernel} -o 0x200000", "hbreak guest_main", "continue", "backtrace", "detach")
        contains(said, "Breakpoint 1, ", "guest_main", "guest_start", "detached")
        output, messages, status = guest.end()
        check(output == "Hello from a Hermit kernel in C++\n" and status == 0, f"{status}, {output}")
        check(f"the guest waits for a debugger at {guest.place}" in messages, messages)


def case_wrong_places_are_said():
    guest = GUESTS / "x86_64/if3/hello"
    if not guest.exists() or not os.access("/dev/kvm", os.R_OK | os.W_OK):
        raise Skipped("there is no guest hello, or no KVM")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for place, message in (("unix:", "a path of 1 to 107 bytes is expected behind unix:"),
                               ("host:1", "PORT, ADDRESS:PORT or unix:PATH is expected"),
                               (f"127.0.0.1:{port}", f"bind of 127.0.0.1:{port}: Address already in use"),
                               ("unix:/nowhere/gdb", "bind of unix:/nowhere/gdb: No such file")):
            ran = subprocess.run([HERMITAGE, "run", "--engine", "kvm", "--gdb", place, str(guest)], capture_output=True,
                                 text=True, timeout=SECONDS)
            check(ran.returncode in (2, 125) and message in ran.stderr and ran.stderr.count("\n") == 1, ran.stderr)


def debug(options, guest, words, commands):
    """Runs `hermitage debug` for a guest, with commands for the debugger. It leaves no directory."""
    file = GUESTS / "x86_64/if3" / guest
    if not file.exists() or not os.access("/dev/kvm", os.R_OK | os.W_OK):
        raise Skipped(f"there is no guest {guest}, or no KVM")
    with tempfile.TemporaryDirectory() as place:
        ran = subprocess.run([HERMITAGE, "debug", *options, "--engine", "kvm", str(file), *words], input=commands,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS,
                             env={**os.environ, "TMPDIR": place})
        check(not os.listdir(place), f"it leaves {os.listdir(place)}")
    return ran.stdout, ran.returncode


def case_debug_starts_gdb():
    debugger("gdb")
    said, status = debug([], "hello", [], "break guest_main\ncontinue\nbacktrace\ncontinue\nquit\n")
    contains(said, "Breakpoint 1", "guest_start", "Hello from a Hermit kernel in C++", "exited normally")
    check(status == 0, f"{status}, {said}")
    _, status = debug([], "waits", ["stay", "spin"], "quit\n")
    check(status == 128 + signal.SIGTERM, f"the guest goes on without its debugger: {status}")


def case_debug_starts_lldb():
    debugger("lldb")
    said, _ = debug(["--lldb"], "hello", [], "thread list\nquit\n")
    contains(said, "stop reason = signal SIGTRAP", "hello`_start", "tid = 0x0001")


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    HERMITAGE, GUESTS = sys.argv[1], Path(sys.argv[2])
    sys.exit(run_cases(globals(), sys.argv[3:]))
