#!/usr/bin/env python3
"""Saves guests with `hermitage snapshot`, and continues them with `hermitage run`, on this host's KVM.

usage: testing/snapshots.py [--rounds N] [-k TEXT] PROGRAM GUESTS

GUESTS is the directory of x86_64 guests of one interface. The tests of `Rounds` save and continue each kind of guest N
times. Exits with 77 if guests cannot run here.
"""

import argparse
import contextlib
import ctypes
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import unittest
import urllib.request
from pathlib import Path

LIMIT = 60  # seconds for one command
arguments = None


def hermitage(*words, **options):
    environment = {**os.environ, "HERMITAGE_ENGINE": "kvm"}
    options.setdefault("input", "")
    return subprocess.run([arguments.program, *map(str, words)], env=environment, text=True, capture_output=True,
                          timeout=LIMIT, check=False, **options)


@contextlib.contextmanager
def started(*words):
    """A command whose standard input stays open."""
    process = subprocess.Popen([arguments.program, *map(str, words)], text=True,
                               env={**os.environ, "HERMITAGE_ENGINE": "kvm"}, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=LIMIT)


def guest(name):
    return arguments.guests / name


class SnapshotTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR"))
        self.addCleanup(self.folder.cleanup)
        self.path = Path(self.folder.name) / "app.snap"

    def save(self, *words, signalled=None, status=0):
        with started("snapshot", "-o", self.path, *words) as process:
            if signalled is not None:
                process.stdout.readline()
                process.send_signal(signalled)
            # Standard input must stay open while the guest waits for it.
            process.wait(timeout=LIMIT)
            output, errors = process.stdout.read(), process.stderr.read()
        self.assertEqual(process.returncode, status, errors)
        return output, errors

    def files(self):
        return sorted(path.name for path in Path(self.folder.name).iterdir())

    def check_echo(self, *options):
        run = hermitage("run", *options, self.path, input="abc\x04")
        self.assertEqual((run.returncode, run.stdout), (0, "abc3 bytes\n"), run.stderr)
        return run.stderr


class Snapshots(SnapshotTest):
    def wait_for_helper(self):
        """The process that gives the file its name has the command line of the one that it helps."""
        name, limit = str(self.path).encode(), time.monotonic() + LIMIT
        while time.monotonic() < limit:
            lines = []
            for line in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    lines.append(line.read_bytes())
            if not any(name in line for line in lines):
                return
            time.sleep(0.002)

    def wait_for_file_after(self, before):
        limit = time.monotonic() + LIMIT
        while self.path.stat().st_ino == before.st_ino and time.monotonic() < limit:
            time.sleep(0.002)

    def test_when_text(self):
        output, errors = self.save("--when", "ready", guest("serial_echo"))
        self.assertEqual(output, "ready\n")
        self.assertIn("app.snap: the guest is saved", errors)
        self.assertEqual(self.files(), ["app.snap"])
        self.assertEqual(self.path.stat().st_mode & 0o7777, 0o600)
        self.check_echo()
        self.check_echo()

    def test_when_idle(self):
        self.save("--when-idle", guest("serial_echo"))
        self.check_echo()

    def test_after(self):
        self.save("--after", "0.3", guest("serial_echo"))
        self.check_echo()

    def test_when_signal(self):
        self.save("--when-signal", guest("serial_echo"), signalled=signal.SIGUSR2)
        self.check_echo()

    def test_signal_with_another_condition(self):
        """It saves the guest once."""
        self.save("--when", "never", guest("serial_echo"), signalled=signal.SIGUSR2)
        self.check_echo()
        with started("snapshot", "--continue", "-o", self.path, "--when", "ready", guest("serial_echo")) as process:
            process.stdout.readline()
            self.wait_for_file_after(self.path.stat())
            saved = self.path.stat()
            process.send_signal(signal.SIGUSR2)
            output, errors = process.communicate("x\x04", timeout=LIMIT)
        self.assertEqual((process.returncode, output), (0, "x1 bytes\n"), errors)
        self.assertEqual(self.path.stat().st_ino, saved.st_ino)

    def test_continue(self):
        with started("snapshot", "--continue", "-o", self.path, "--when", "ready", guest("serial_echo")) as process:
            process.stdout.readline()
            limit = time.monotonic() + LIMIT
            while not self.path.exists() and time.monotonic() < limit:
                time.sleep(0.001)
            output, _ = process.communicate("xy\x04", timeout=LIMIT)
            self.assertEqual((process.returncode, output), (0, "xy2 bytes\n"))
        self.check_echo()

    def check_clock(self, *words):
        """A counting guest continues with the next number, and with the host's time."""
        output, _ = self.save("--when", "\n3 ", guest("count"), "6", "300", *words)
        lines = output.splitlines()
        time.sleep(1)
        # The time of the first line after the restart is due, and that of the last is in the future.
        run = hermitage("run", self.path)
        end = time.time()
        self.assertEqual(run.returncode, 0, run.stderr)
        lines += run.stdout.splitlines()
        self.assertEqual([int(line.split()[0]) for line in lines], list(range(1, 7)), lines)
        times = [int(line.split()[1]) / 1e6 for line in lines]
        self.assertEqual(times, sorted(times))
        self.assertLess(times[-1], end)
        self.assertGreater(times[3], times[2] + 1)
        return times[3:]

    def test_clock(self):
        self.check_clock()

    def test_timer_in_halt(self):
        self.check_clock("halt")

    def test_time_agrees(self):
        """The guest's clock differs from the host's by the same time after as before, to 1 ms."""
        def difference(process):
            # A line can be read late, but never early: the least delay counts.
            lines = (process.stdout.readline() for _ in range(20))
            return min(time.time() - int(line.split()[1]) / 1e6 for line in lines)

        with started("snapshot", "-o", self.path, "--when", "\n20 ", guest("count"), "1000", "20") as process:
            before = difference(process)
            self.assertEqual(process.wait(timeout=LIMIT), 0)
        with started("run", self.path) as process:
            after = difference(process)
        self.assertLess(abs(after - before), 0.001)

    def test_several_vcpus(self):
        for wait in ("spin", "halt", "input"):
            self.save("-c", "4", "--when", "ready", guest("waits"), "stay", wait)
            with started("run", self.path) as process:
                time.sleep(0.2)
                self.assertIsNone(process.poll(), wait)
                process.terminate()
                self.assertEqual(process.wait(timeout=LIMIT), 128 + signal.SIGTERM, wait)

    def test_guest_ends_before(self):
        run = hermitage("snapshot", "-o", self.path, "--when", "never", guest("exit_code"), "3")
        self.assertEqual(run.returncode, 125)
        self.assertIn("app.snap: not saved: the guest has ended with exit code 3 before", run.stderr)
        self.assertEqual(self.files(), [])

    def test_timeout(self):
        _, errors = self.save("--timeout", "0.5", "--when", "never", guest("serial_echo"), status=124)
        self.assertIn("not saved", errors)
        self.assertEqual(self.files(), [])

    def test_full_disk(self):
        self.path.write_text("old")

        def limit_files():
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

        with subprocess.Popen(
                [arguments.program, "snapshot", "-o", self.path, "--when", "ready", guest("serial_echo")],
                env={**os.environ, "HERMITAGE_ENGINE": "kvm"}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True, preexec_fn=limit_files) as process:
            status = process.wait(timeout=LIMIT)
            errors = process.stderr.read()
        self.assertEqual(status, 125, errors)
        self.assertIn("not saved: cannot write the snapshot: pwrite: File too large", errors)
        self.assertEqual((self.files(), self.path.read_text()), (["app.snap"], "old"))

    def test_killed(self):
        self.path.write_text("old")
        for delay in range(0, 60, 3):
            with started("snapshot", "-o", self.path, "--when", "ready", guest("serial_echo")) as process:
                time.sleep(delay / 1000)
                process.kill()
                process.wait(timeout=LIMIT)
            self.wait_for_helper()
            if self.path.read_bytes() != b"old":
                self.assertEqual(hermitage("snapshot", "verify", self.path).returncode, 0)
                self.path.write_text("old")
            self.assertEqual(self.files(), ["app.snap"])

    def test_verify_and_damage(self):
        self.save("--when", "ready", guest("serial_echo"))
        run = hermitage("snapshot", "verify", self.path)
        self.assertEqual((run.returncode, run.stdout), (0, f"{self.path}: good\n"))
        content = self.path.read_bytes()
        for place in (0, 9, 13, 30, 70, 5000, 9000):
            self.path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1:])
            run = hermitage("run", self.path)
            self.assertEqual(run.returncode, 125, place)
            self.assertEqual(run.stderr.count("\n"), 1, run.stderr)
        self.path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        run = hermitage("snapshot", "verify", self.path)
        self.assertEqual(run.returncode, 1)
        self.assertIn("the contents have a wrong checksum", run.stderr)
        for size in (0, 4, 8, 100, 4096, len(content) - 4096, len(content) - 1):
            self.path.write_bytes(content[:size])
            self.assertEqual(hermitage("run", self.path).returncode, 125, size)

    def test_inspect(self):
        self.save("-m", "32M", "--when", "ready", guest("serial_echo"))
        report = json.loads(hermitage("inspect", "--json", self.path).stdout)
        self.assertEqual((report["vcpus"], report["memory"]["size"]), (1, 32 << 20))
        text = hermitage("inspect", self.path).stdout
        self.assertIn("32.0 MiB", text)
        self.assertIn("serial_echo", text)

    def test_clones(self):
        """A warning for all guests but the first that start from one file."""
        self.save("--when", "ready", guest("serial_echo"))
        self.assertEqual(self.check_echo(), "")
        self.assertEqual(self.check_echo("--clones", "allow"), "")
        errors = self.check_echo()
        if os.access("/run", os.W_OK):
            self.assertIn(f"hermitage: warning: {self.path}: a guest has already started from this snapshot", errors)
            self.assertEqual(errors.count("\n"), 1)
        self.save("--when", "ready", guest("serial_echo"))
        self.assertEqual(self.check_echo("--clones", "warn"), "")
        self.assertEqual(hermitage("run", "--clones", "allow", guest("hello")).returncode, 2)
        self.assertEqual(hermitage("run", "--clones", "often", self.path).returncode, 2)

    def test_refused_options(self):
        self.save("--when", "ready", guest("serial_echo"))
        for options in (["-m", "64M"], ["-c", "2"], ["-e", "A=b"], ["--no-aslr"], ["--pit"]):
            run = hermitage("run", *options, self.path)
            self.assertEqual(run.returncode, 2, options)
            self.assertIn("a snapshot does not accept", run.stderr)
            self.assertEqual(self.files(), ["app.snap"], options)
        for option in ("--stats-file", "--timeline", "--output"):
            hermitage("run", option, f"{self.path}.new", "-m", "64M", self.path)
            self.assertEqual(self.files(), ["app.snap"], option)
        self.assertEqual(hermitage("run", "--engine", "qemu", self.path).returncode, 2)
        self.assertIn("an argument of the guest", hermitage("run", self.path, "argument").stderr)
        self.assertEqual(hermitage("snapshot", "-o", self.path, "--when-idle", "--profile", f"{self.path}.svg",
                                   guest("serial_echo")).returncode, 2)
        self.assertEqual(hermitage("run", "--stale-files", "allow", guest("hello")).returncode, 2)

    def events(self, file):
        return {event["name"] for event in json.loads(file.read_text())["traceEvents"]}

    def test_recordings(self):
        """Those of the run that is saved, and of the one that continues."""
        timeline, profile = (Path(f"{self.path}.{name}") for name in ("timeline", "folded"))
        self.save("--timeline", timeline, "--profile", profile, "--stats", "--core", f"{self.path}.core",
                  "--when", "\n3 ", guest("count"), "4", "100")
        self.assertIn("run the guest", self.events(timeline))
        self.assertNotEqual(profile.read_text(), "")
        run = hermitage("run", "--stats", "--timeline", timeline, self.path)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("hypercall exit", run.stderr)
        events = self.events(timeline)
        self.assertLessEqual({"load the snapshot", "run the guest", "exit"}, events)

    def test_profile(self):
        """It has the functions of the kernel, although its file is gone."""
        kernel, profile = Path(f"{self.path}.kernel"), Path(f"{self.path}.folded")
        kernel.write_bytes(guest("workload").read_bytes())
        self.save("--when", "round 0", kernel, "3")
        kernel.unlink()
        run = hermitage("run", "--profile", profile, self.path)
        self.assertEqual((run.returncode, run.stdout.count("round")), (0, 2), run.stderr)
        self.assertIn("heap_sort", profile.read_text())

    def test_crash(self):
        """It has a backtrace, and a core that gdb opens."""
        core = Path(f"{self.path}.core")
        self.save("--when", "Hello", guest("crash"), "fault", "wait")
        run = hermitage("run", "--core", core, self.path)
        self.assertEqual(run.returncode, 126, run.stderr)
        self.assertRegex(run.stderr, r"(?s)end.*descend.*descend.*guest_main")
        self.assertIn("the core file", run.stderr)
        if not shutil.which("gdb"):
            self.skipTest("no gdb")
        gdb = subprocess.run(["gdb", "-batch", "-nx", "-ex", "backtrace", "-ex", "print/x crash_count", guest("crash"), core],
                             text=True, capture_output=True, timeout=LIMIT, check=False)
        self.assertRegex(gdb.stdout, r"(?s)#1 .*descend.*guest_main.*0x1235", gdb.stderr)

    def test_debugger(self):
        """It stops the guest where it was saved, and at a breakpoint after that."""
        if not shutil.which("gdb"):
            self.skipTest("no gdb")
        place = Path(f"{self.path}.gdb")
        self.save("--when", "Hello", guest("crash"), "exit", "wait")
        with started("run", "--gdb", f"unix:{place}", self.path) as process:
            limit = time.monotonic() + LIMIT
            while not place.exists() and process.poll() is None and time.monotonic() < limit:
                time.sleep(0.002)
            process.stdin.write("x")
            process.stdin.flush()
            commands = [f"target remote {place}", "hbreak end", "continue", "backtrace", "monitor hypercalls", "detach"]
            gdb = subprocess.run(["gdb", "-batch", "-nx", *(word for command in commands for word in ("-ex", command))],
                                 text=True, capture_output=True, timeout=LIMIT, check=False)
            self.assertRegex(gdb.stdout, r"(?s)#1 .*descend.*guest_main", gdb.stderr)
            self.assertEqual(process.wait(timeout=LIMIT), 7)

    def test_kvm_descriptor(self):
        kvm = os.open("/dev/kvm", os.O_RDWR)
        self.addCleanup(os.close, kvm)
        run = hermitage("snapshot", "--kvm-fd", kvm, "-o", self.path, "--when", "\n2 ", guest("count"), "3", "50",
                        pass_fds=[kvm])
        self.assertEqual(run.returncode, 0, run.stderr)
        run = hermitage("run", "--kvm-fd", kvm, self.path, pass_fds=[kvm])
        self.assertEqual((run.returncode, run.stdout.count("\n")), (0, 1), run.stderr)

    def test_isolated(self):
        self.save("--when", "ready", guest("serial_echo"))
        with started("run", self.path) as process:
            status, limit = {}, time.monotonic() + LIMIT
            while status.get("Seccomp") != "2" and time.monotonic() < limit:
                lines = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8").splitlines()
                status = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
            self.assertEqual((status["Seccomp"], status["NoNewPrivs"], int(status["CapEff"], 16)), ("2", "1", 0))


class Rounds(SnapshotTest):
    """Each kind of guest, saved and continued many times."""

    def check_count(self, *words):
        for number in range(arguments.rounds):
            output, _ = self.save("--when", "\n2 ", guest("count"), "1000", "20", *words)
            with started("run", self.path) as process:
                output += "".join(process.stdout.readline() for _ in range(3))
            numbers = [int(line.split()[0]) for line in output.splitlines()]
            self.assertGreaterEqual(len(numbers), 5, number)
            self.assertEqual(numbers, list(range(1, len(numbers) + 1)), number)

    def test_counts(self):
        self.check_count()

    def test_halts_with_a_timer(self):
        self.check_count("halt")

    def test_waits_for_input(self):
        for _ in range(arguments.rounds):
            self.save("--when", "ready", guest("serial_echo"))
            self.check_echo()

    def test_holds_files(self):
        """One of the host, and one of its own."""
        file = Path(self.folder.name) / "file"
        file.write_text("0123456789")
        mapping = ["--file-mapping", f"{file}:/data/file:ro"]
        for number in range(arguments.rounds):
            self.save(*mapping, "--when", "ready", guest("holds"), "/data/file", "/root/own")
            for _ in range(2):
                run = hermitage("run", *mapping, self.path)
                self.assertEqual((run.returncode, run.stdout), (0, "456789\n0123456789\n"), (number, run.stderr))

    def hypercalls_by_cpu(self, seconds):
        statistics = Path(f"{self.path}.stats")
        run = hermitage("run", "--clones", "allow", "--timeout", seconds, "--stats-file", statistics, self.path)
        self.assertEqual(run.returncode, 124, run.stderr)
        # It is empty if a busy host has not started the guest by then.
        exits = json.loads(statistics.read_text() or '{"exits": {}}')["exits"]
        return exits.get("hypercall close", {"by_cpu": [0]})["by_cpu"]

    def test_four_vcpus(self):
        """All of them make hypercalls, before and after."""
        for number in range(arguments.rounds):
            self.save("-c", "4", "--when", "ready", guest("waits"), "stay", "hypercalls")
            counts = next((counts for seconds in (1, 5, 25) if all(counts := self.hypercalls_by_cpu(seconds))), [])
            self.assertEqual(len(counts), 4, (number, counts))


class Networks(SnapshotTest):
    """Guests with a network card."""

    def save_net(self, *options):
        with started("snapshot", "-o", self.path, "-m", "64M", "--when", " mtu ", *options) as process:
            process.wait(timeout=LIMIT)
            self.assertEqual(process.returncode, 0, process.stderr.read())

    def page(self, address, port):
        """The page of the guest's web server, when it answers."""
        limit = time.monotonic() + LIMIT
        while True:
            try:
                with urllib.request.urlopen(f"http://{address}:{port}/", timeout=5) as answer:
                    return answer.read().decode()
            except OSError:
                if time.monotonic() > limit:
                    raise
                time.sleep(0.05)

    def check_net(self, process, address, tcp, udp):
        self.assertIn("Hello from the guest net", self.page(address, tcp))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as each:
            while process.poll() is None:
                each.sendto(b"exit\n", (address, udp))
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.2)
        self.assertEqual(process.returncode, 0, process.stderr.read())
        return process.stdout.read()

    def test_user_network(self):
        """Clones have networks of their own."""
        if not shutil.which("passt"):
            self.skipTest("no passt")
        self.save_net("-n", "user", guest("net"))
        with contextlib.ExitStack() as stack:
            clones = []
            for _ in range(2):
                tcp, udp = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_DGRAM)
                forwards = ["-p", f"127.0.0.1:{tcp}:9975", "-p", f"127.0.0.1:{udp}:9976/udp"]
                clones.append((stack.enter_context(started("run", *forwards, self.path)), "127.0.0.1", tcp, udp))
            for clone in clones:
                self.assertIn("Hello from the guest net", self.page(*clone[1:3]))
            for clone in clones:
                self.assertIn(" requests, ", self.check_net(*clone))

    def test_rounds(self):
        """One clone at a time, saved and continued many times."""
        if not shutil.which("passt"):
            self.skipTest("no passt")
        for _ in range(arguments.rounds):
            self.save_net("-n", "user", guest("net"))
            tcp, udp = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_DGRAM)
            forwards = ["-p", f"127.0.0.1:{tcp}:9975", "-p", f"127.0.0.1:{udp}:9976/udp"]
            with started("run", *forwards, self.path) as clone:
                self.assertIn(" requests, ", self.check_net(clone, "127.0.0.1", tcp, udp))

    def test_tap(self):
        in_network_namespace(self, self.check_tap)

    def check_tap(self):
        commands = ["link set lo up", "tuntap add dev guest0 mode tap", "addr add 10.0.5.1/24 dev guest0",
                    "link set guest0 up"]
        for command in commands:
            subprocess.run(["ip", *command.split()], check=True)
        for interrupts in ("msix", "intx", "poll"):
            self.save_net("-n", "tap:guest0", guest("net"), "ip=10.0.5.3/24", f"irq={interrupts}")
            for settings in ("", ",mac=02:00:00:00:00:09"):
                with started("run", "-n", f"tap:guest0{settings}", self.path) as process:
                    self.check_net(process, "10.0.5.3", 9975, 9976)

    def test_refused_networks(self):
        self.save("--when", "ready", guest("serial_echo"))
        run = hermitage("run", "-n", "user", self.path)
        self.assertEqual(run.returncode, 2)
        self.assertIn("the saved guest has no network card", run.stderr)
        if not shutil.which("passt"):
            self.skipTest("no passt")
        self.save_net("-n", "user,mtu=1400", guest("net"))
        self.assertIn("--net or --publish", hermitage("inspect", self.path).stdout)
        for options, message in (([], "has a network card; choose its network"),
                                 (["-n", "user,mtu=1500"], "does not accept another mtu="),
                                 (["-n", "tap,ip=10.0.0.2"], "has its address already")):
            run = hermitage("run", *options, self.path)
            self.assertEqual(run.returncode, 2, run.stderr)
            self.assertIn(message, run.stderr)


def free_port(kind):
    with socket.socket(socket.AF_INET, kind) as each:
        each.bind(("127.0.0.1", 0))
        return each.getsockname()[1]


def in_network_namespace(test, check):
    """Calls check() in a child process with a network of its own. Skips the test if this is not possible."""
    if os.geteuid() != 0 or not shutil.which("ip") or not os.path.exists("/dev/net/tun"):
        test.skipTest("needs root, ip and /dev/net/tun")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            new_network = 0x40000000  # CLONE_NEWNET
            if ctypes.CDLL(None, use_errno=True).unshare(new_network) == 0:
                check()
                status = 0
        except BaseException:  # its exit status reports it
            traceback.print_exc()
        finally:
            os._exit(status)
    test.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)


def main():
    global arguments
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("-k", metavar="TEXT", action="append", default=[])
    parser.add_argument("program", type=Path)
    parser.add_argument("guests", type=Path)
    arguments = parser.parse_args()
    hello = hermitage("run", guest("hello"))
    if hello.returncode != 0:
        print(f"skipped: no guest can run here: {hello.stderr.strip()}")
        return 77
    names = [word for pattern in arguments.k for word in ("-k", pattern)]
    return 0 if unittest.main(argv=[sys.argv[0], "-v", *names], exit=False).result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
