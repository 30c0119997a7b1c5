#!/usr/bin/env python3
"""Runs the guest `net` in QEMU (TCG, its user network) and in the monitor, and uses its services.

usage: guests/net_test.py HERMITAGE GUESTS CASE...      GUESTS: the build's directory of guests; `all` for every case
Exit status: 0 if all cases pass, 1 if one fails, 77 if QEMU, KVM, passt, a boot loader or a guest for it is missing.
"""

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "testing"))
from case_runner import Failed, Skipped, check, outcome_of, run_cases  # noqa: E402

SERVICE, EXIT, ECHO, DISCARD, SOURCE = 9975, 9976, 7, 9, 19
PERIOD = 251
START_SECONDS = 60
INSIDE = "inside-the-namespaces"
SECONDS = 60


def free_ports(count, kind):
    """Returns ports that were free at the time of the call."""
    sockets = [socket.socket(socket.AF_INET, kind) for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Guest:
    """A running guest. It has an address when the `with` block begins, and gets a request to exit when the block ends.
    `tap`: its interface, with the address 10.0.5.3. Without it, the guest is in QEMU's user network."""

    def __init__(self, arguments, arch="x86_64", device="", memory="64M", tap=None, variables=()):
        self.address = "10.0.5.3" if tap else "127.0.0.1"
        netdev = self.at_tap(tap) if tap else self.in_user_network()
        words = ["-netdev", netdev, "-device", f"virtio-net-pci,disable-legacy=on,netdev=n{device}"]
        self.command = [HERMITAGE, "run", "--engine", "qemu", "--timeout", "120", "-m", memory]
        for word in words:
            self.command += ["--qemu-arg", word]
        for variable in variables:
            self.command += ["-e", variable]
        kernel = GUESTS / arch / "if3" / "net"
        self.command += [str(kernel), "--", "--", *arguments]
        if not shutil.which(f"qemu-system-{arch.removesuffix('_be')}") or not kernel.exists():
            raise Skipped(f"no QEMU or no guest for {arch}")

    def in_user_network(self):
        self.tcp = dict(zip((SERVICE, ECHO, DISCARD, SOURCE), free_ports(4, socket.SOCK_STREAM)))
        self.udp = dict(zip((SERVICE, EXIT), free_ports(2, socket.SOCK_DGRAM)))
        forwards = [f"hostfwd=tcp:127.0.0.1:{host}-:{guest}" for guest, host in self.tcp.items()]
        forwards += [f"hostfwd=udp:127.0.0.1:{host}-:{guest}" for guest, host in self.udp.items()]
        return ",".join(["user", "id=n", *forwards])

    def at_tap(self, tap):
        self.tcp = {port: port for port in (SERVICE, ECHO, DISCARD, SOURCE)}
        self.udp = {port: port for port in (SERVICE, EXIT)}
        return f"tap,id=n,ifname={tap},script=no,downscript=no,vnet_hdr=on"

    def __enter__(self):
        self.expected_status = 0
        self.output = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=self.output,
                                        stderr=subprocess.STDOUT)
        try:
            self.address_line = self.wait_for(r"^net: [0-9a-f:]{17} [0-9.]+/[0-9]+ mtu [0-9]+\r?$")
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.end()
        else:
            self.process.kill()
            self.process.wait()
            print(self.text(), file=sys.stderr)

    def text(self):
        return os.pread(self.output.fileno(), 1 << 20, 0).decode(errors="replace")

    def wait_for(self, pattern, seconds=START_SECONDS):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := re.search(pattern, self.text(), re.MULTILINE):
                return found[0]
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        if re.search(r"boot loader \S+ not found", self.text()):
            raise Skipped("there is no boot loader")
        raise Failed(f"the guest did not print {pattern!r}:\n{self.text()}")

    def end(self):
        """Sends the request to exit in a datagram, which may be lost."""
        end = time.monotonic() + SECONDS
        with self.datagram_socket() as each:
            while self.process.poll() is None and time.monotonic() < end:
                each.sendto(b"exit\n", (self.address, self.udp[EXIT]))
                try:
                    self.process.wait(0.2)
                except subprocess.TimeoutExpired:
                    pass
        self.expect_status(self.expected_status)

    def expect_status(self, status):
        try:
            found = self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise Failed(f"the guest does not end:\n{self.text()}") from None
        check(found == status, f"the guest ended with {found}, not with {status}:\n{self.text()}")

    def expect_end_by_signal(self):
        """Checks that SIGTERM ends it within a second, with any traffic."""
        begin = time.monotonic()
        self.process.terminate()
        self.expected_status = 128 + signal.SIGTERM
        self.expect_status(self.expected_status)
        check(time.monotonic() - begin < 2, f"it took {time.monotonic() - begin:.1f} s to end")

    # ---- Actions

    def connect(self, port):
        return socket.create_connection((self.address, self.tcp[port]), SECONDS)

    def datagram_socket(self):
        return socket.socket(socket.AF_INET6 if ":" in self.address else socket.AF_INET, socket.SOCK_DGRAM)

    def http(self, request):
        """Returns the header and the body of the response to `request`. The guest closes the connection after it."""
        with self.connect(SERVICE) as each:
            each.sendall(request)
            answer = read_all(each)
        head, separator, body = answer.partition(b"\r\n\r\n")
        check(separator, f"no answer but {answer!r}")
        return head, body

    def page(self):
        head, body = self.http(b"GET / HTTP/1.0\r\n\r\n")
        check(head.startswith(b"HTTP/1.1 200 OK"), f"{head!r}")
        check(body.startswith(b"Hello from the guest net\n"), f"{body!r}")

    def download(self, size):
        head, body = self.http(f"GET /big?bytes={size} HTTP/1.0\r\n\r\n".encode())
        check(head.startswith(b"HTTP/1.1 200 OK"), f"{head!r}")
        check(len(body) == size and zlib.crc32(body) == zlib.crc32(pattern(size)), f"{len(body)} other bytes")

    def upload(self, size):
        data = os.urandom(size)
        head, body = self.http(f"POST /sum HTTP/1.0\r\nContent-Length: {size}\r\n\r\n".encode() + data)
        check(head.startswith(b"HTTP/1.1 200 OK"), f"{head!r}")
        check(body == f"{size} bytes, CRC-32 {zlib.crc32(data):#x}\n".encode(), f"{body!r}")

    def echo(self, size):
        async def both():
            reader, writer = await asyncio.open_connection(self.address, self.tcp[ECHO], limit=1 << 20)
            data = os.urandom(size)

            async def send():
                writer.write(data)
                await writer.drain()
                writer.write_eof()

            _, got = await asyncio.gather(send(), reader.read(-1))
            check(got == data, f"{len(got)} bytes came back of {size}")
            writer.close()

        asyncio.run(asyncio.wait_for(both(), SECONDS))

    def udp_echo(self):
        with self.datagram_socket() as each:
            each.settimeout(1)
            for size in (0, 1, 64, 1300):
                data = os.urandom(size)
                for _ in range(5):  # a datagram may be lost
                    each.sendto(data, (self.address, self.udp[SERVICE]))
                    try:
                        got = each.recv(2000)
                        break
                    except TimeoutError:
                        got = None
                check(got == data, f"{got!r} came back")

    def at_once(self, count, size=2000):
        """Opens this many connections in sequence, because QEMU accepts only one at a time. Then all send a request."""

        async def begin():
            reader, writer = await asyncio.open_connection(self.address, self.tcp[SERVICE])
            writer.write(b"HEAD / HTTP/1.1\r\n\r\n")
            check((await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK"), "no answer")
            return reader, writer

        async def one(reader, writer):
            writer.write(f"GET /big?bytes={size} HTTP/1.0\r\n\r\n".encode())
            got = await reader.read(-1)
            check(got.endswith(pattern(size)) and len(got) > size, f"{len(got)} bytes")
            writer.close()

        async def all_of_them():
            streams = [await begin() for _ in range(count)]
            await asyncio.gather(*(one(*stream) for stream in streams))

        asyncio.run(asyncio.wait_for(all_of_them(), SECONDS))

    def everything(self, size):
        self.page()
        self.download(size)
        self.upload(size)
        self.echo(size // 2)
        self.udp_echo()


class HostGuest(Guest):
    """A guest that runs with the network options of `hermitage`: `-p` on loopback, or a tap with the address
    10.0.5.3."""

    def __init__(self, arguments=(), engine="kvm", tap=None, options=(), loopback="127.0.0.1"):
        self.address = "10.0.5.3" if tap else loopback
        self.command = [HERMITAGE, "run", "--engine", engine, "--timeout", "120", "-m", "64M", *options]
        if tap:
            self.at_tap(tap)
            self.command += ["--net", f"tap:{tap}"]
            arguments = ["ip=10.0.5.3/24", "gw=10.0.5.1", *arguments]
        else:
            self.in_user_network()
            place = f"[{loopback}]" if ":" in loopback else loopback
            for guest, host in self.tcp.items():
                self.command += ["-p", f"{place}:{host}:{guest}"]
            for guest, host in self.udp.items():
                self.command += ["-p", f"{place}:{host}:{guest}/udp"]
        self.command += [str(GUESTS / "x86_64" / "if3" / "net"), "--", "--", *arguments]
        require_engine(engine)

    def everything(self, size):
        """Code that KVM interprets, as on some hosts, is slow: a byte of a checksum is slower than a copied byte."""
        self.page()
        self.download(size)
        self.upload(size // 10)
        self.echo(size // 10)
        self.udp_echo()


def require_engine(engine):
    hello = GUESTS / "x86_64" / "if3" / "hello"
    if subprocess.run([HERMITAGE, "run", "--engine", engine, hello], capture_output=True).returncode != 0:
        raise Skipped(f"no guest runs by --engine {engine} here")


def require_passt():
    if not shutil.which("passt"):
        raise Skipped("no passt")


def pattern(size):
    return (bytes(range(PERIOD)) * (size // PERIOD + 1))[:size]


def read_all(each):
    pieces = []
    while piece := each.recv(1 << 16):
        pieces.append(piece)
    return b"".join(pieces)


# ---- Cases


def serves(arguments=(), **options):
    with Guest(arguments, **options) as guest:
        guest.everything(300_000)
    return guest.wait_for(r"^net: .* requests, .*$")


def case_dhcp():
    with Guest([]) as guest:
        check(" 10.0.2.15/24 mtu 1500" in guest.address_line, guest.address_line)
        guest.everything(1_000_000)


def case_answers():
    with Guest([]) as guest:
        for request, status in ((b"GET /nothing HTTP/1.0\r\n\r\n", b"404"), (b"PUT / HTTP/1.0\r\n\r\n", b"405"),
                                (b"POST /sum HTTP/1.0\r\n\r\n", b"411"), (b"GET /\r\n\r\n", b"505"),
                                (b"GET /big?bytes=x HTTP/1.0\r\n\r\n", b"400"),
                                (b"GET /" + b"x" * 300 + b" HTTP/1.0\r\n\r\n", b"414"),
                                (b"GET / HTTP/1.0\r\nlong: " + b"x" * 5000 + b"\r\n\r\n", b"200")):
            head, _ = guest.http(request)
            check(head.split()[1] == status, f"{request!r}: {head!r}")
        # Several requests on one connection.
        with guest.connect(SERVICE) as each:
            for _ in range(3):
                each.sendall(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
                check(each.recv(4096).startswith(b"HTTP/1.1 200 OK"), "no second answer")
        with guest.connect(SOURCE) as each:
            each.sendall(b"100000\n")
            check(read_all(each) == pattern(100_000), "the source sends other bytes")
        with guest.connect(DISCARD) as each:
            each.sendall(b"x" * 100_000)
            each.shutdown(socket.SHUT_WR)
            check(read_all(each) == b"", "discard answers")


def case_intx():
    for polarity in ("low", "high"):
        end = serves(["irq=intx", f"polarity={polarity}"])
        check(" 0 interrupts" not in end, end)


def case_msix():
    check(" 0 interrupts" not in (end := serves(["irq=msix"])), end)


def case_features():
    """Every subset of features works: without checksums, without merging, with each feature alone."""
    for features in (0, 1 << 0, 1 << 15, 1 << 28, 1 << 29, 1 << 1 | 1 << 7, 1 << 0 | 1 << 11, 0xffffffff):
        end = serves([f"features={features:#x}", "irq=msix"])
        taken = int(end.split()[-1], 16)
        check(taken & 0xffffffff & ~features == 0, f"takes {taken:#x} of {features:#x}")


def case_queues():
    for size in (4, 16, 1024):
        serves([f"queue={size}", "irq=msix"], device=",rx_queue_size=1024,tx_queue_size=256")


def case_bars():
    serves(["move-bar", "irq=msix"])
    serves(["move-bar", "irq=intx"])


def case_static():
    with Guest(["ip=10.0.2.15/24", "gw=10.0.2.2"], device=",mac=52:54:00:01:02:03,host_mtu=1400") as guest:
        check(guest.address_line.strip() == "net: 52:54:00:01:02:03 10.0.2.15/24 mtu 1400", guest.address_line)
        guest.everything(100_000)


def case_variables():
    with Guest([], variables=["HERMIT_IP=10.0.2.15", "HERMIT_MASK=255.255.0.0", "HERMIT_GATEWAY=10.0.2.2"]) as guest:
        check(" 10.0.2.15/16 mtu 1500" in guest.address_line, guest.address_line)
        guest.everything(10_000)


def case_reset():
    """Connections stay open while the device is reset under load."""
    with Guest(["reset=200", "irq=msix"]) as guest:
        guest.everything(1_000_000)
    with Guest(["reset=50"]) as guest:
        guest.download(300_000)


def case_loop():
    with Guest(["loop"]) as guest:
        check("net: the device needs a reset" in guest.text(), guest.text())
        guest.page()


def case_no_refill():
    """Without receive buffers, no frame arrives, and QEMU still ends immediately."""
    with Guest(["no-refill", "queue=16"]) as guest:
        for _ in range(20):
            try:
                with socket.create_connection((guest.address, guest.tcp[SERVICE]), 1) as each:
                    each.settimeout(1)
                    each.sendall(b"GET / HTTP/1.0\r\n\r\n")
                    if not each.recv(1):
                        break
            except OSError:
                break
        else:
            raise Failed("there is no end to 16 buffers")
        guest.process.terminate()
        guest.expected_status = 143


def case_until():
    with Guest(["until=3"]) as guest:
        for _ in range(3):
            guest.page()
        guest.expect_status(0)


def case_errors():
    for arguments, variables, line in (
            (["ip=300.1.1.1/8"], [], "net: does not know what ip=300.1.1.1/8 is"),
            (["nonsense"], [], "net: does not know what nonsense is"),
            ([], ["HERMIT_IP=10.0.2.15", "HERMIT_MASK=255.0.255.0"], "net: HERMIT_IP or HERMIT_MASK is no address")):
        try:
            Guest(arguments, variables=variables).__enter__()
            raise Failed(f"{arguments} and {variables} are taken")
        except Failed as failed:
            check(line in str(failed), str(failed))


def case_many():
    """1,000 connections in sequence, and 200 at the same time."""
    with Guest(["irq=msix"]) as guest:
        for _ in range(1000):
            guest.page()
        guest.at_once(200)


def case_large():
    with Guest(["irq=msix"]) as guest:
        guest.download(10_000_000)
        guest.upload(10_000_000)
        guest.echo(10_000_000)


def case_tap():
    """A tap with offloads, in separate network and user namespaces."""
    in_namespaces("tap")


def case_publish():
    """The same command line, in the monitor and in QEMU."""
    require_passt()
    for engine in ("kvm", "qemu"):
        with HostGuest(engine=engine) as guest:
            guest.everything(300_000)


def case_publish_early():
    """A client that connects while the guest boots is answered when the guest is ready. The timeline changes nothing."""
    require_passt()
    with tempfile.NamedTemporaryFile() as timeline:
        for options in ([], ["--timeline", timeline.name], ["--pcap", timeline.name]):
            guest = HostGuest(options=options)
            process = subprocess.Popen(guest.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            begin = time.monotonic()
            while True:
                try:
                    guest.page()
                    break
                except ConnectionRefusedError:  # passt has not opened the port yet
                    check(process.poll() is None and time.monotonic() - begin < SECONDS, f"{options}: the port is closed")
            took = time.monotonic() - begin
            process.kill()
            process.wait()
            check(took < 5, f"{options}: it took {took} seconds")


def case_publish_ends():
    """When the monitor or passt ends in any way, the other ends too, and the ports are free."""
    require_passt()
    with HostGuest() as guest:
        guest.page()
        guest.expect_end_by_signal()
        check(not children_of(guest.process.pid), "passt has not ended")
    with HostGuest() as guest:
        passt = children_of(guest.process.pid)
        check(len(passt) == 1, f"{passt}")
        os.kill(passt[0], signal.SIGKILL)
        guest.wait_for("the guest's network is down")
        guest.expect_end_by_signal()
    guest = HostGuest()
    with socket.create_server(("127.0.0.1", guest.tcp[SERVICE])):
        begin = subprocess.run(guest.command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    check(begin.returncode == 125 and begin.stderr.count("\n") == 1 and str(guest.tcp[SERVICE]) in begin.stderr,
          f"{begin.returncode} {begin.stderr}")


def case_publish_many():
    """1,000 connections in sequence, and 200 at the same time."""
    require_passt()
    with HostGuest() as guest:
        for _ in range(1000):
            guest.page()
        guest.at_once(200)


def children_of(process):
    """Returns the processes of passt: its child runs in separate namespaces."""
    found = subprocess.run(["pgrep", "-P", str(process)], capture_output=True, text=True).stdout.split()
    return [int(each) for each in found]


def in_namespaces(case):
    inside = ["unshare", "--map-root-user", "--net", sys.executable, __file__, HERMITAGE, str(GUESTS), INSIDE, case]
    if not shutil.which("unshare") or not shutil.which("ip"):
        raise Skipped("there is no unshare or no ip")
    if subprocess.run([*inside[:3], "test", "-w", "/dev/net/tun"], capture_output=True).returncode != 0:
        raise Skipped("no namespaces, or no /dev/net/tun")
    status = subprocess.run(inside).returncode
    if status == 77:
        raise Skipped("as said above")
    check(status == 0, "see above")


def make_tap(name, mtu):
    for command in (f"tuntap add dev {name} mode tap vnet_hdr", f"addr add 10.0.5.1/24 dev {name}",
                    f"link set {name} mtu {mtu} up"):
        subprocess.run(["ip", *command.split()], check=True)


def case_monitor_tap():
    in_namespaces("monitor_tap")


def inside_monitor_tap():
    for mtu in (1500, 9000):
        make_tap(f"tap{mtu}", mtu)
        for features in (0, 1, 2, 1 << 0 | 1 << 11, 1 << 1 | 1 << 7, 1 << 1 | 1 << 7 | 1 << 15, 0xffffffff):
            with HostGuest([f"features={features | 1 << 3:#x}"], tap=f"tap{mtu}") as guest:
                check(f"mtu {mtu}" in guest.address_line, guest.address_line)
                guest.everything(300_000)
                ping = ["ping", "-c", "1", "-W", "5", "-s", str(mtu - 28), "-M", "do", guest.address]
                if shutil.which("ping"):
                    check(subprocess.run(ping, capture_output=True).returncode == 0, "no answer to a ping")
        subprocess.run(["ip", "link", "del", f"tap{mtu}"], check=True)


def case_monitor_ipv6():
    """A tap, with and without offloads of IPv6."""
    in_namespaces("monitor_ipv6")


def inside_monitor_ipv6():
    make_tap("tap6", 1500)
    subprocess.run("ip addr add fe80::1/64 dev tap6 nodad".split(), check=True)
    for features in (0, 1 << 0 | 1 << 12, 1 << 1 | 1 << 8, 0xffffffff):
        with HostGuest([f"features={features:#x}"], tap="tap6") as guest:
            mac = [int(byte, 16) for byte in guest.address_line.split()[1].split(":")]
            guest.address = "fe80::{:x}:{:x}:{:x}:{:x}%tap6".format(
                (mac[0] ^ 2) << 8 | mac[1], mac[2] << 8 | 0xff, 0xfe00 | mac[3], mac[4] << 8 | mac[5])
            guest.everything(300_000)
            if shutil.which("ping"):
                ping = ["ping", "-6", "-c", "1", "-W", "5", "-s", "1452", guest.address]
                check(subprocess.run(ping, capture_output=True).returncode == 0, "no answer to a ping")


def case_publish_ipv6():
    """A host with IPv6: passt tells the guest its prefix."""
    require_passt()
    in_namespaces("publish_ipv6")


def inside_publish_ipv6():
    for command in ("link set lo up", "link add host0 type veth peer name router0", "link set router0 up", "addr add 192.0.2.5/24 dev host0",
                    "addr add 2001:db8:1::5/64 dev host0 nodad", "link set host0 up", "route add default via 192.0.2.1",
                    "-6 route add default via fe80::1 dev host0"):
        subprocess.run(["ip", *command.split()], check=True)
    with HostGuest(["print-ipv6"], loopback="::1") as guest:
        guest.wait_for(r"^net: [0-9a-f:]{17} 2001:db8:1:0:[0-9a-f:]+/64\r?$")
        guest.everything(300_000)


def case_monitor_trouble():
    in_namespaces("monitor_trouble")


def inside_monitor_trouble():
    make_tap("tap0", 1500)
    with HostGuest(tap="tap0") as guest:
        with flood(guest, pause=0.005):
            guest.page()
        with flood(guest):
            time.sleep(0.5)
            guest.expect_end_by_signal()
    with HostGuest(["reset=100"], tap="tap0") as guest:
        with flood(guest, pause=0.005):
            for _ in range(5):
                guest.page()
    with HostGuest(["no-refill", "queue=16"], tap="tap0") as guest:
        with flood(guest):
            time.sleep(0.5)
            guest.expect_end_by_signal()
    with HostGuest(tap="tap0") as guest:
        guest.page()
        subprocess.run(["ip", "link", "set", "tap0", "down"], check=True)
        time.sleep(0.3)
        subprocess.run(["ip", "link", "set", "tap0", "up"], check=True)
        guest.page()
        capture = Path(tempfile.gettempdir()) / f"net-{os.getpid()}.pcap"
    with HostGuest(tap="tap0", options=["--pcap", str(capture)]) as guest:
        guest.page()
    check(b"Hello from the guest net" in capture.read_bytes(), f"{capture} does not have the page")
    capture.unlink()


class flood:
    """Sends datagrams to a port without a listener, as fast as this host can, or with pauses of this many
    seconds."""

    def __init__(self, guest, pause=None):
        self.address = (guest.address, 4242)
        self.pause = pause

    def __enter__(self):
        self.is_over = False
        self.thread = threading.Thread(target=self.send)
        self.thread.start()

    def __exit__(self, *_):
        self.is_over = True
        self.thread.join()

    def send(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as each:
            while not self.is_over:
                try:
                    each.sendto(bytes(1000), self.address)
                except OSError:  # the guest has just ended, or says that nobody listens
                    pass
                if self.pause:
                    time.sleep(self.pause)


def inside_tap():
    for mtu in (1500, 9000):
        make_tap(f"tap{mtu}", mtu)
        for features in (0, 1, 2, 1 << 0 | 1 << 11, 1 << 1 | 1 << 7, 1 << 1 | 1 << 7 | 1 << 15, 0xffffffff):
            with Guest(["ip=10.0.5.3/24", f"features={features | 1 << 3:#x}"], tap=f"tap{mtu}",
                       device=f",host_mtu={mtu}") as guest:
                check(f"mtu {mtu}" in guest.address_line, guest.address_line)
                guest.everything(3_000_000)
                ping = ["ping", "-c", "1", "-W", "5", "-s", str(mtu - 28), "-M", "do", guest.address]
                if shutil.which("ping"):
                    check(subprocess.run(ping, capture_output=True).returncode == 0, "no answer to a ping")
        subprocess.run(["ip", "link", "del", f"tap{mtu}"], check=True)


def case_aarch64():
    serves(arch="aarch64")


def case_aarch64_be():
    serves(arch="aarch64_be")


def case_riscv64():
    serves(arch="riscv64")


def main(names):
    if names[0] == INSIDE:
        return outcome_of(f"inside {names[1]}", globals()[f"inside_{names[1]}"])
    return run_cases(globals(), names)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    HERMITAGE, GUESTS = sys.argv[1], Path(sys.argv[2])
    sys.exit(main(sys.argv[3:]))
