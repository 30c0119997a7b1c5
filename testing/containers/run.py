#!/usr/bin/env python3
"""Runs Hermit kernels as containers: with podman and with runc alone.

usage: run.py HERMITAGE HERMITAGE_OCI GUESTS CASE...

CASE is a function below, without case_; `all` runs every one. Exit status 77: skipped, because something is missing.
"""
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from case_runner import Failed, Skipped, check, remove_with_mounts, run_cases  # noqa: E402
from engine import write_bundle, write_config, write_podman_settings, write_runtime  # noqa: E402

hermitage, hermitage_oci, guests = (Path(word).resolve() for word in sys.argv[1:4])
work = Path(tempfile.mkdtemp(prefix="hermitage-containers-"))
guest_dir = guests / "x86_64" / "if3"
WAIT = 20  # seconds


def run(*words, status=0, **options):
    """Runs a command, and checks its exit status unless that is None."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=100, **options)
    if status is not None and done.returncode != status:
        raise Failed(f"{' '.join(map(str, words))}: exit status {done.returncode}, not {status}: "
                     f"{done.stdout[-1000:]}{done.stderr[-2000:]}")
    return done


def need(condition, what):
    if not condition:
        raise Skipped(what)


def wait_until(condition, what):
    end = time.monotonic() + WAIT
    while not condition():
        if time.monotonic() > end:
            raise Failed(f"{what}: not after {WAIT} s")
        time.sleep(0.02)


def need_guests():
    need((guest_dir / "hello").exists(), "there are no guests")
    done = run(hermitage, "run", "--engine", "kvm", guest_dir / "hello", status=None)
    need(done.returncode == 0, f"guests do not run here: {done.stderr.strip()}")
    interpreter = run("readelf", "-lW", hermitage).stdout
    need("INTERP" not in interpreter, "the monitor is not linked statically, so it runs in no container")


def runtime(below="runc"):
    return write_runtime(work, hermitage, hermitage_oci, below)


def runtime_without_tun():
    """A runtime on a host without /dev/net/tun."""
    script = work / "hermitage-oci-without-tun"
    script.write_text("#!/bin/sh\n"
                      f"exec unshare --mount sh -c 'mount -t tmpfs tmpfs /dev/net; exec {runtime()} \"$@\"' sh \"$@\"\n")
    script.chmod(0o755)
    return script


# ---- Bundles, with runc alone


def need_runc():
    need(os.geteuid() == 0, "not root")
    need(shutil.which("runc"), "there is no runc")


def bundle(name, args, program=None):
    """A bundle whose root file system has one program, at the path of the first argument."""
    directory = work / name
    config = write_bundle(directory, args, f"{work.name}-{name}", program)
    config["annotations"] = {"large": "9223372036854775807"}
    config["unknown"] = 18446744073709551615
    write_config(directory, config)
    return directory


def static_program():
    busybox = Path("/bin/busybox")
    need(busybox.exists(), "there is no busybox (package busybox-static)")
    return busybox


def case_passes_others_on_unchanged():
    need_runc()
    directory = bundle("plain", ["/busybox", "sh", "-c", "echo out; echo err >&2; exit 7"], static_program())
    before = (directory / "config.json").read_bytes()
    stat_before = os.stat(directory / "config.json")
    outcomes = []
    for program in ("runc", runtime()):
        done = run(program, "--root", work / "root", "run", "--bundle", directory, "plain", status=7)
        outcomes.append((done.stdout, done.stderr))
    check(outcomes[0] == outcomes[1], f"{outcomes}")
    check(outcomes[0] == ("out\n", "err\n"), f"{outcomes}")
    check((directory / "config.json").read_bytes() == before, "config.json has changed")
    check(os.stat(directory / "config.json").st_ino == stat_before.st_ino, "config.json is another file")
    for words in (["state", "none"], ["kill", "none"], ["delete", "none"], ["--nonsense"], ["nonsense"], ["features"],
                  ["list", "--format=json"], ["exec", "none", "x"]):
        one, other = (run(program, "--root", work / "root", *words, status=None) for program in ("runc", runtime()))
        # A log has the time in it.
        texts = [[part for part in done.stderr.split() if not part.startswith("time=")] for done in (one, other)]
        check((one.returncode, one.stdout, texts[0]) == (other.returncode, other.stdout, texts[1]),
              f"{words}: {one} and {other}")
    first, *_, last = run(runtime(), "--version").stdout.splitlines()
    check(first.startswith("runc version ") and last.startswith("hermitage-oci version "), f"{first}, {last}")


def case_changes_a_bundle_once():
    need_runc()
    need_guests()
    directory = bundle("guest", ["/app", "one", "two words"], guest_dir / "args_env")
    path = directory / "config.json"
    original = json.loads(path.read_text())
    expected = "arguments: 2\nargument 0: one\nargument 1: two words\n"
    texts = []
    for _ in range(2):
        done = run(runtime(), "--root", work / "root", "run", "--bundle", directory, "guest")
        check(done.stdout.startswith(expected), done.stdout)
        texts.append(path.read_bytes())
    check(texts[0] == texts[1], "the second pass has changed config.json")
    changed = json.loads(texts[0])
    check(changed["unknown"] == 18446744073709551615, "an integer has changed")
    check(changed["mounts"][:len(original["mounts"])] == original["mounts"], "mounts have changed")
    check(changed["annotations"] == original["annotations"] | {"org.hermitage.kernel": "/app"}, "annotations")
    check(os.listdir(directory / "rootfs" / "dev") == [], "something is left in the root file system")
    check(sorted(os.listdir(directory)) == ["config.json", "rootfs"], "something is left in the bundle")


def case_errors_go_to_the_log():
    need_runc()
    directory = bundle("refused", ["/app"], guest_dir / "hello")
    config = json.loads((directory / "config.json").read_text())
    config["mounts"].append({"destination": "/dev/data", "type": "bind", "source": "/tmp", "options": ["bind"]})
    (directory / "config.json").write_text(json.dumps(config))
    before = (directory / "config.json").read_bytes()
    log = work / "log.json"
    done = run(runtime(), "--root", work / "root", "--log", log, "--log-format", "json", "create", "--bundle",
               directory, "refused", status=1)
    message = "volume '/dev/data': a guest has no volumes below /dev"
    entry = json.loads(log.read_text())
    check((entry["level"], entry["msg"]) == ("error", message), f"{entry}")
    check(done.stderr == f"hermitage-oci: {message}\n", done.stderr)
    check((directory / "config.json").read_bytes() == before, "config.json has changed")


# A monitor that a guest has taken over. It has a /dev of its own, says which process listens, and gives one answer to
# each client.
HOSTILE_MONITOR = """
import os, socket, subprocess, sys
subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/dev"], check=True)
os.makedirs("/dev/hermitage/tmp")
if sys.argv[1] == "link":
    os.symlink("/run", "/dev/hermitage/tmp/control")
if sys.argv[1] == "child" and os.fork():
    os.wait()
answer = {"escape": b"+\\x1b[31mred\\n", "long": b"+" + b"x" * (8 << 20), "none": b"", "wrong": b"?ok"}.get(sys.argv[1], b"+ok")
listener = socket.socket(socket.AF_UNIX)
if sys.argv[1] != "link":
    listener.bind("/dev/hermitage/tmp/control")
    listener.listen()
print("ready", flush=True)
while sys.argv[1] != "link":
    client = listener.accept()[0]
    try:
        client.recv(100)
        client.sendall(answer)
    except OSError:
        pass
    client.close()
sys.stdin.read()
"""


def case_exec_does_not_trust_the_monitor():
    need(os.geteuid() == 0, "not root")
    need(shutil.which("unshare"), "there is no unshare")
    need(run("unshare", "--mount", "true", status=None).returncode == 0, "there are no namespaces")
    state = work / "state.json"
    below = work / "below"
    below.write_text(f'#!/bin/sh\ncat {state}\n')
    below.chmod(0o755)
    for kind, status, expected in (("good", 0, "ok\n"), ("escape", 0, "?[31mred\n"),
                                   ("long", 1, "has not answered in time, or too much"),
                                   ("none", 1, "the monitor has not answered"), ("wrong", 1, "the monitor has not answered"),
                                   ("link", 1, "the monitor takes no commands"),
                                   ("child", 1, "is not that of its monitor")):
        monitor = subprocess.Popen(["unshare", "--mount", sys.executable, "-c", HOSTILE_MONITOR, kind],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        try:
            check(monitor.stdout.readline() == b"ready\n", "the monitor of this test has not started")
            state.write_text(json.dumps({"pid": monitor.pid, "status": "running",
                                         "annotations": {"org.hermitage.kernel": "/app"}}))
            done = run(runtime(below), "exec", "name", "stats", status=status)
            check(expected in (done.stderr if status else done.stdout), f"{kind}: {done}")
            check(kind != "good" or done.stdout == expected, f"{done}")
        finally:
            os.killpg(monitor.pid, signal.SIGKILL)
            monitor.communicate()
    state.write_text(json.dumps({"pid": 0, "status": "stopped", "annotations": {"org.hermitage.kernel": "/app"}}))
    check("is not running" in run(runtime(below), "exec", "name", "stats", status=1).stderr, "a stopped container")


# ---- podman


class Podman:
    """podman with a store, settings and a network of its own."""

    def __init__(self):
        need(os.geteuid() == 0, "not root")
        for program in ("podman", "runc", "conmon"):
            need(shutil.which(program), f"there is no {program}")
        need_guests()
        self.environment = write_podman_settings(work, runtime())

    def __call__(self, *words, **options):
        return run("podman", *words, env=self.environment, **options)

    def image(self, name, *guest_names, files=()):
        """An image with guests and other files, made of a tar archive. The first guest is its program."""
        directory = work / f"image-{name}"
        for name_in_image in ("bin", "data"):
            (directory / name_in_image).mkdir(parents=True)
        for guest in guest_names:
            shutil.copy(guest_dir / guest, directory / "bin" / guest)
        for file in files:
            shutil.copy(file, directory)
        archive = work / f"{name}.tar"
        run("tar", "-C", directory, "-cf", archive, ".")
        entry = ["--change", f'ENTRYPOINT ["/bin/{guest_names[0]}"]'] if guest_names else []
        done = self("import", *entry, archive, f"localhost/{name}:1", status=None)
        need(done.returncode == 0, f"podman makes no images here: {done.stderr.strip()}")
        return f"localhost/{name}:1"

    def run(self, *words, **options):
        return self("run", "--pull=never", "--rm", "--network", "none", *words, **options)

    def start(self, *words):
        """Starts a container, and returns its ID."""
        return self("run", "--pull=never", "-d", "--network", "none", *words).stdout.strip()

    def is_running(self, name):
        return self("inspect", "--format", "{{.State.Running}}", name).stdout.strip() == "true"

    def status(self, name):
        return int(self("wait", name).stdout)


def podman():
    made = Podman()
    done = made("info", status=None)
    need(done.returncode == 0, f"podman does not work here: {done.stderr.strip()}")
    return made


def need_containers(engine, image):
    """Whether any container runs here has nothing to do with this project."""
    done = engine("run", "--pull=never", "--rm", "--runtime", "runc", "--network", "none", "--entrypoint", "/busybox",
                  image, "true", status=None)
    need(done.returncode == 0, f"podman runs no containers here: {done.stderr.strip()}")


def prepared(name, *guest_names):
    engine = podman()
    image = engine.image(name, *guest_names)
    plain = work / "plain"
    plain.mkdir(exist_ok=True)
    shutil.copy(static_program(), plain / "busybox")
    run("tar", "-C", plain, "-cf", work / "plain.tar", ".")
    engine("import", work / "plain.tar", "localhost/plain:1")
    need_containers(engine, "localhost/plain:1")
    return engine, image


def case_podman_runs_guests():
    engine, image = prepared("guests", "args_env", "exit_code", "hostile")
    out = engine.run("-e", "KEY=a value", image, "one", "two words").stdout
    for line in ("arguments: 2", "argument 1: two words", ": KEY=a value"):
        check(line in out, f"no '{line}' in {out}")
    engine.run("--entrypoint", "exit_code", image, "42", status=42)
    engine.run("--workdir", "/bin", "--entrypoint", "./hostile", image, "mmio-write", status=126)
    engine.run("--init", "--init-path", static_program(), image, "behind", "init")
    engine.run("--read-only", "--user", "1000", "--cap-drop", "all", "--security-opt", "no-new-privileges", image)
    # Other containers are those of runc.
    plain = [engine("run", "--pull=never", "--rm", "--network", "none", "--runtime", name, "localhost/plain:1",
                    "/busybox", "sh", "-c", "echo plain; exit 3", status=3).stdout for name in ("runc", "hermitage")]
    check(plain == ["plain\n", "plain\n"], f"{plain}")
    name = engine.start("--name", "again", image, "once")
    check(engine.status(name) == 0, "exit status")
    engine("start", name)
    check(engine.status(name) == 0, "exit status after a restart")
    check(engine("logs", name).stdout.count("argument 0: once") == 2, "the log of two runs")
    changes = engine("diff", name).stdout.split()
    check(not any("dev/hermitage" in change for change in changes), f"{changes}")
    engine("rm", name)


def case_podman_loads_and_saves_images():
    engine, _ = prepared("images", "args_env")
    packed = work / "app.tar.gz"
    archive = work / "app.tar"
    run(hermitage, "image", "create", "-o", packed, "--kernel", guest_dir / "args_env", "--app-arg", "one", "--env", "K=V",
        "--memory", "32M")
    run(hermitage, "image", "create", "--oci", "-o", archive, "--name", "app:v1", "--image", packed)
    loaded = engine("load", "-i", archive).stdout
    check("localhost/app:v1" in loaded, loaded)
    for words, expected in (([], "argument 0: one\n"), (["two", "words"], "argument 1: words\n")):
        out = engine.run("localhost/app:v1", *words).stdout
        check(expected in out and "K=V" in out, f"{words}: {out}")
    outputs = [run(hermitage, "run", "--engine", "kvm", image).stdout for image in (packed, archive)]
    for form in ("oci-archive", "docker-archive", "oci-dir"):
        saved = work / f"saved-{form}"
        engine("save", "--format", form, "-o", saved, "localhost/app:v1")
        # podman has unpacked the layer, and packs it anew.
        check("32 MiB" in run(hermitage, "inspect", saved).stdout, f"{form}: the image's memory")
        outputs.append(run(hermitage, "run", "--engine", "kvm", saved).stdout)
    check(len(set(outputs)) == 1 and "argument 0: one\n" in outputs[0], f"{outputs}")
    # An image with layers: of the one that podman has loaded, and of files.
    context = work / "context"
    context.mkdir()
    (context / "data").write_text("data\n")
    (context / "Containerfile").write_text("FROM localhost/app:v1\nCOPY data /etc/data\nCMD [\"three\"]\n")
    engine("build", "-q", "-t", "localhost/layers:1", context)
    saved = work / "layers.tar"
    engine("save", "--format", "oci-archive", "-o", saved, "localhost/layers:1")
    check("argument 0: three\n" in run(hermitage, "run", "--engine", "kvm", saved).stdout, "arguments of the upper layer")
    check("etc/data" in run(hermitage, "image", "list", saved).stdout, "files of the upper layer")


def case_podman_stops_guests():
    engine, image = prepared("stops", "hostile")
    for name in ("TERM", "QUIT", "USR1", "INT", "HUP", "PWR", "RTMIN+3"):
        number = signal.SIGRTMIN + 3 if name == "RTMIN+3" else signal.Signals[f"SIG{name}"]
        container = engine.start(image, "loop")
        wait_until(lambda: "round" in engine("logs", container).stdout, "output")
        engine("kill", "-s", "WINCH", container)
        check(engine.is_running(container), "SIGWINCH has ended the guest")
        engine("kill", "-s", name, container)
        status = engine.status(container)
        check(status == 128 + number, f"exit status {status} after SIG{name}")
        engine("rm", container)
    container = engine.start(image, "loop")
    refused = engine("exec", container, "/hostile", status=None)
    check(refused.returncode != 0 and "runs one guest and no other program" in refused.stderr, refused.stderr)
    check(engine.is_running(container), "the refused command has ended the guest")
    # On a busy host, runc may not be able to freeze a group.
    wait_until(lambda: engine("pause", container, status=None).returncode == 0, "the pause of a container")
    engine("unpause", container)
    engine("rm", "-f", "-t", "0", container)


def case_podman_sends_commands_to_guests():
    engine, image = prepared("commands", "hostile", "hello")
    container = engine.start(image, "loop")
    wait_until(lambda: "round" in engine("logs", container).stdout, "output")
    stats = engine("exec", container, "stats").stdout
    check("Time to the first instruction" in stats and "hypercall" in stats, stats)
    trace = engine("exec", container, "trace").stdout
    check("last hypercalls of vCPU 0" in trace, trace)

    def cpu_time():
        process = engine("inspect", "--format", "{{.State.Pid}}", container).stdout.strip()
        return sum(int(word) for word in Path(f"/proc/{process}/stat").read_text().rsplit(")")[-1].split()[11:13])

    check(engine("exec", container, "pause").stdout == "", "output of pause")
    before = cpu_time()
    time.sleep(0.5)
    check(cpu_time() - before <= 2, "the paused guest uses CPU time")
    again = engine("exec", container, "pause", status=None)
    check(again.returncode == 1 and "the guest is paused already" in again.stderr, f"{again}")
    engine("exec", container, "resume")
    wait_until(lambda: cpu_time() - before > 10, "CPU time after resume")
    for words, message in ((["/hostile"], "runs one guest and no other program"),
                           (["sh", "-c", "stats"], "runs one guest and no other program"),
                           (["stats", "x"], "'stats' takes no arguments"),
                           (["snapshot"], "takes the path of a new file"),
                           (["snapshot", "x"], "not an absolute path")):
        refused = engine("exec", container, *words, status=None)
        check(refused.returncode != 0 and message in refused.stderr, f"{words}: {refused}")
    refused = engine("exec", "-t", container, "stats", status=None)
    check(refused.returncode != 0, f"{refused}")
    engine("exec", container, "pause")
    engine("stop", "-t", "5", container)
    check(engine.status(container) == 143, "a paused guest does not stop")
    # A monitor that is frozen, and a container that has ended.
    check(engine("exec", container, "stats", status=None).returncode != 0, "a command for a guest that has ended")
    engine("rm", container)


def case_podman_starts_from_snapshots():
    engine, image = prepared("saved", "count")
    volume = work / "saved"
    volume.mkdir(mode=0o777)
    container = engine.start("-v", f"{volume}:/saved", image, "100000", "20")
    def lines_of(name):
        return [int(line.split()[0]) for line in engine("logs", name).stdout.splitlines()]

    wait_until(lambda: len(lines_of(container)) > 3, "output")
    engine("exec", container, "snapshot", "/saved/count.snap")
    snapshot = volume / "count.snap"
    check(snapshot.stat().st_mode & 0o777 == 0o600, "the mode of the snapshot")
    run(hermitage, "snapshot", "verify", snapshot)
    last = lines_of(container)[-1]
    exists = engine("exec", container, "snapshot", "/saved/count.snap", status=None)
    check(exists.returncode == 1 and "File exists" in exists.stderr, f"{exists}")
    missing = engine("exec", container, "snapshot", "/none/x.snap", status=None)
    check(missing.returncode == 1 and "its directory does not exist" in missing.stderr, f"{missing}")
    wait_until(lambda: lines_of(container)[-1] > last, "output after the snapshot")
    engine("rm", "-f", "-t", "0", container)
    image = engine.image("restored", "count", files=[snapshot])
    words = ["-v", f"{volume}:/saved", "--annotation", "org.hermitage.snapshot=/count.snap"]
    continued = engine.start(*words, image)
    wait_until(lambda: lines_of(continued), "output of the restored guest")
    first = lines_of(continued)[0]
    check(3 < first <= last + 1, f"the guest continues with line {first}, and was saved before {last}")
    again = engine("exec", continued, "snapshot", "/saved/again.snap", status=None)
    check(again.returncode == 1 and "cannot be saved again" in again.stderr, f"{again}")
    check(not (volume / "again.snap").exists(), "a failed snapshot is left")
    engine("rm", "-f", "-t", "0", continued)
    refused = engine.run(*words, image, "argument", status=None)
    check("takes no others" in refused.stderr, refused.stderr)
    refused = engine.run("--annotation", "org.hermitage.snapshot=/none", image, status=None)
    check("the image has no file /none" in refused.stderr, refused.stderr)


def case_podman_maps_volumes():
    engine, image = prepared("volumes", "files")
    volume = work / "volume"
    volume.mkdir(mode=0o777)
    out = engine.run("-v", f"{volume}:/data", image, "/data").stdout
    check("WRONG" not in out, out)
    check((volume / "folder").is_dir(), "the guest's directory is not on the host")
    (volume / "folder").rmdir()
    engine.run("-v", f"{volume}:/data:ro", image, "/data", status=1)
    check(list(volume.iterdir()) == [], "the guest has written to a read-only volume")
    # Without a volume, it writes into the container, unless that is read-only.
    check("WRONG" not in engine.run(image, "/data").stdout, "files of the container")
    engine.run("--read-only", image, "/data", status=1)
    check("WRONG" not in engine.run("--read-only", "--tmpfs", "/data", image, "/data").stdout, "files in a tmpfs")


def case_podman_limits_memory():
    engine, image = prepared("memory", "hostile", "smp")
    done = engine("run", "--pull=never", "-d", "--network", "none", "--memory", "64m", "--cpus", "1.5", image, "loop",
                  status=None)
    need(done.returncode == 0, f"there are no limits here: {done.stderr.strip()}")
    container = done.stdout.strip()
    process = engine("inspect", "--format", "{{.State.Pid}}", container).stdout.strip()
    words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    check(b"58M" in words and words[words.index(b"--cpu-count") + 1] == b"2", f"{words}")
    engine("rm", "-f", "-t", "0", container)
    small = engine.run("--memory", "16m", image, "loop", status=None)
    check(small.returncode == 126 or small.returncode == 125, f"exit status {small.returncode}")
    check("a guest needs at least 21 MiB" in small.stderr, small.stderr)


def case_podman_refuses_what_guests_cannot_have():
    engine, image = prepared("refused", "hello")
    for words, message in ((["--device", "/dev/fuse:/dev/fuse"], "a guest has no devices of the host"),
                           (["-v", "/dev:/dev"], "the container has no /dev of its own"),
                           (["-v", "/tmp:/dev/data"], "a guest has no volumes below /dev"),
                           (["--network", "host"], "a guest cannot have the host's network")):
        if words[0] == "--device" and not Path("/dev/fuse").exists():
            continue
        done = engine("run", "--pull=never", "--rm", *(["--network", "none"] if words[0] != "--network" else []),
                      *words, image, status=None)
        check(done.returncode != 0 and message in done.stderr, f"{words}: {done.returncode}, {done.stderr}")


@contextlib.contextmanager
def network_namespace():
    """A namespace whose eth0 has 198.51.100.2 and 2001:db8:51::2, and the host those with 1."""
    for program in ("ip", "curl"):
        need(shutil.which(program), f"there is no {program}")
    name = f"hermitage{os.getpid()}"
    try:
        need(run("ip", "netns", "add", name, status=None).returncode == 0, "there are no network namespaces")
        run("ip", "link", "add", f"h{os.getpid()}", "type", "veth", "peer", "name", "eth0", "netns", name)
        outside = f"h{os.getpid()}"
        run("ip", "address", "add", "198.51.100.1/24", "dev", outside)
        run("ip", "link", "set", outside, "addrgenmode", "none", "up")
        run("ip", "address", "add", "fe80::1/64", "dev", outside, "nodad")
        run("ip", "address", "add", "2001:db8:51::1/64", "dev", outside, "nodad")
        inside = ["ip", "-n", name]
        run(*inside, "address", "add", "198.51.100.2/24", "dev", "eth0")
        run(*inside, "link", "set", "eth0", "up")
        run(*inside, "link", "set", "lo", "up")
        run(*inside, "route", "add", "default", "via", "198.51.100.1")
        run(*inside, "address", "add", "2001:db8:51::2/64", "dev", "eth0", "nodad")
        run(*inside, "-6", "route", "add", "default", "via", "fe80::1", "dev", "eth0")
        yield name
    finally:
        run("ip", "netns", "delete", name, status=None)
        run("ip", "link", "delete", f"h{os.getpid()}", status=None)


def page_at(address):
    return run("curl", "-sS", "--max-time", "10", f"http://{address}:9975/").stdout


def advertise_router():
    """Sends one router advertisement from the host, with the prefix 2001:db8:51::/64 (RFC 4861, 4.2)."""
    interface = f"h{os.getpid()}"
    mac = bytes.fromhex(Path(f"/sys/class/net/{interface}/address").read_text().replace(":", ""))
    seconds = 1800
    message = (struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, seconds, 0, 0) + bytes([1, 1]) + mac
               + struct.pack("!BBBBIII", 3, 4, 64, 0xc0, seconds, seconds, 0) + socket.inet_pton(socket.AF_INET6, "2001:db8:51::"))
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as sender:
        sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        sender.sendto(message, ("ff02::1", 0, 0, socket.if_nametoindex(interface)))


def ipv6_address_in(log):
    found = re.search(r"^net: [0-9a-f:]{17} (2001:db8:51:[0-9a-f:]+)/64", log, re.MULTILINE)
    return found and found[1]


def redirections(namespace, interface):
    """The number of ingress queues, and of redirections in them."""
    queues = run("tc", "-n", namespace, "qdisc", "show", "dev", interface).stdout.count("qdisc ingress")
    filters = run("tc", "-n", namespace, "filter", "show", "dev", interface, "ingress", status=None).stdout
    return queues, filters.count("mirred")


def case_podman_connects_guests():
    engine, image = prepared("net", "net")
    need(Path("/dev/net/tun").exists(), "there is no /dev/net/tun")
    need(shutil.which("tc"), "there is no tc")
    with network_namespace() as name:
        in_network = ["--pull=never", "--network", f"ns:/run/netns/{name}"]
        container = engine("run", "-d", *in_network, image, "print-ipv6").stdout.strip()

        def serves(count):
            """Whether the guest answers for the count-th time that it runs."""
            wait_until(lambda: engine("logs", container).stdout.count("198.51.100.2") == count, "the guest's address")
            check("Hello from the guest net" in page_at("198.51.100.2"), "the page")
            check((redirections(name, "eth0"), redirections(name, "hermitage0")) == ((1, 1), (1, 1)), "redirections")

        serves(1)
        second = engine("run", "--rm", *in_network, image, status=None)
        check("another Hermit container uses this network" in second.stderr, second.stderr)
        advertise_router()
        wait_until(lambda: ipv6_address_in(engine("logs", container).stdout), "the guest's IPv6 address")
        page = page_at(f"[{ipv6_address_in(engine('logs', container).stdout)}]")
        check("Hello from the guest net" in page, page)
        # What an earlier guest has left is replaced, also that of a killed one.
        engine("restart", "-t", "5", container)
        serves(2)
        os.kill(int(engine("inspect", "--format", "{{.State.Pid}}", container).stdout), signal.SIGKILL)
        engine.status(container)
        check("hermitage0" not in run("ip", "-n", name, "-br", "link").stdout, "the tap of the killed monitor is left")
        check(redirections(name, "eth0") == (1, 1), "this test expects a redirection that is left")
        engine("start", container)
        serves(3)
        engine("rm", "-f", "-t", "0", container)


def case_podman_chooses_passt():
    """Without a choice of the user, passt connects guests that share a network, and guests on a host without taps."""
    engine, image = prepared("chooses", "net")
    need(shutil.which("passt"), "there is no passt")
    with network_namespace() as name:
        words = ["run", "--pull=never", "-d", "--network", f"ns:/run/netns/{name}"]
        names = lambda: run("ip", "netns", "exec", name, "cat", "/proc/net/unix").stdout.count("@hermitage/passt/")  # noqa: E731

        def start(*more):
            container = engine(*words, *more, image).stdout.strip()
            wait_until(lambda: "198.51.100.2" in engine("logs", container).stdout, "the guest's address")
            return container

        one = start("--annotation", "org.hermitage.publish=9975:9975")
        check(names() == 1, "the annotation for ports does not choose passt")
        two = start()
        check(names() == 2, "a second guest in a network does not get passt")
        three = engine(*words, "--annotation", "org.hermitage.network=tap", image, status=None)
        check("share this network by passt" in three.stderr, three.stderr)
        check("Hello from the guest net" in page_at("198.51.100.2"), "the page of the first guest")
        engine("rm", "-f", "-t", "0", one)
        check(names() == 1, "the second guest has lost its passt")
        engine("rm", "-f", "-t", "0", two)
        wait_until(lambda: names() == 0, "the end of passt")
        # A host without /dev/net/tun.
        words += ["--runtime", runtime_without_tun()]
        four = start()
        check(names() == 1 and "hermitage0" not in run("ip", "-n", name, "-br", "link").stdout, "no passt without a tap")
        engine("rm", "-f", "-t", "0", four)
        refused = engine(*words, "--annotation", "org.hermitage.network=tap", image, status=None)
        check("open /dev/net/tun: No such file or directory" in refused.stderr, refused.stderr)


def case_podman_connects_guests_by_passt():
    engine, image = prepared("passt", "net")
    need(shutil.which("passt"), "there is no passt")
    passts = lambda: run("pgrep", "-f", "^[^ ]*passt .*9975", status=None).stdout.split()  # noqa: E731
    with network_namespace() as name:
        words = ["run", "--pull=never", "-d", "--network", f"ns:/run/netns/{name}"]
        # What a container with a tap leaves in the namespace is removed.
        tap = engine(*words, image).stdout.strip()
        wait_until(lambda: "198.51.100.2" in engine("logs", tap).stdout, "the guest's address")
        by_passt = ["--annotation", "org.hermitage.network=passt", "--annotation"]
        refused = engine(*words, *by_passt, "org.hermitage.publish=9975:9975", image, status=None)
        check("another Hermit container has taken over" in refused.stderr, refused.stderr)
        engine("rm", "-f", "-t", "0", tap)
        before = passts()
        one = engine(*words, *by_passt, "org.hermitage.publish=9975:9975", image, "print-ipv6").stdout.strip()
        two = engine(*words, *by_passt, "org.hermitage.publish=9976:9975", image).stdout.strip()
        for container in (one, two):
            wait_until(lambda: "198.51.100.2" in engine("logs", container).stdout, "the guest's address")
        check("Hello from the guest net" in page_at("198.51.100.2"), "the page from outside")
        wait_until(lambda: ipv6_address_in(engine("logs", one).stdout), "the guest's IPv6 address")
        for place in ("127.0.0.1:9975", "[::1]:9975", "127.0.0.1:9976"):
            page = run("ip", "netns", "exec", name, "curl", "-sS", "--max-time", "10", f"http://{place}/").stdout
            check("Hello from the guest net" in page, f"the page from a sidecar: {page}")
        engine("rm", "-f", "-t", "0", one, two)
        wait_until(lambda: set(passts()) <= set(before), "the end of passt")
        for publish, message in (("9975", "annotation org.hermitage.publish: '9975'"), ("99999:1", "'99999:1'")):
            refused = engine(*words, *by_passt, f"org.hermitage.publish={publish}", image, status=None)
            check(refused.returncode != 0 and message in refused.stderr, refused.stderr)


def monitors():
    """The processes of monitors in containers."""
    found = set()
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if command.read_bytes().startswith(b"/dev/hermitage/monitor\0"):
                found.add(int(command.parent.name))
    return found


def case_podman_runs_fifty_guests():
    engine, image = prepared("fifty", "waits", "count")
    before = monitors()
    names = [f"{work.name}-{number}" for number in range(50)]
    words = ["--entrypoint", "/bin/count", image, "100000", "1000", "halt"]
    starting = []
    for name in names:  # five at a time
        starting.append(subprocess.Popen(["podman", "run", "--pull=never", "-d", "--network", "none", "--name", name, *words],
                                         env=engine.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE))
        if len(starting) == 5:
            process = starting.pop(0)
            check(process.wait(100) == 0, process.stderr.read())
    for process in starting:
        check(process.wait(100) == 0, process.stderr.read())
    wait_until(lambda: len(monitors() - before) == 50, "50 monitors")
    running = engine("ps", "-q").stdout.split()
    check(len(running) == 50, f"{len(running)} containers run")
    for name in names[::10]:
        wait_until(lambda: engine("logs", name).stdout.startswith("1 "), f"output of {name}")
        check("Run time" in engine("exec", name, "stats").stdout, "statistics")
    engine("rm", "-f", "-t", "0", "-a")
    wait_until(lambda: monitors() <= before, "the end of all monitors")


def case_podman_cleans_up_after_kills():
    engine, image = prepared("killed", "count")
    need(Path("/dev/net/tun").exists(), "there is no /dev/net/tun")
    before = monitors()
    # The monitor is killed.
    container = engine.start(image, "100000", "10", "halt")
    process = int(engine("inspect", "--format", "{{.State.Pid}}", container).stdout)
    os.kill(process, signal.SIGKILL)
    check(engine.status(container) == 137, "exit status of a killed monitor")
    engine("start", container)
    # conmon, which reads the output, is killed: the monitor ends with its next line.
    conmon = int(engine("inspect", "--format", "{{.State.ConmonPid}}", container).stdout)
    os.kill(conmon, signal.SIGKILL)
    wait_until(lambda: monitors() <= before, "the end of the monitor")
    wait_until(lambda: engine("rm", "-f", "-t", "0", container, status=None).returncode == 0, "rm of the container")
    # The runtime is killed in the middle of create, at several moments.
    with network_namespace() as name:
        killed = 0
        for delay in (0.02, 0.05, 0.08, 0.12, 0.2):
            directory = bundle(f"killed-{delay}", ["/count", "100000", "10", "halt"], guest_dir / "count")
            config = json.loads((directory / "config.json").read_text())
            for one in config["linux"]["namespaces"]:
                if one["type"] == "network":
                    one["path"] = f"/run/netns/{name}"
            (directory / "config.json").write_text(json.dumps(config))
            words = [runtime(), "--root", work / "root", "create", "--bundle", directory, f"killed-{delay}"]
            process = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL, start_new_session=True)
            time.sleep(delay)
            killed += process.poll() is None
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(WAIT)
            json.loads((directory / "config.json").read_text())  # old or new, and complete
            check(not list(directory.glob("config.json?*")), f"{list(directory.iterdir())}")
            run(runtime(), "--root", work / "root", "delete", "--force", f"killed-{delay}", status=None)
            wait_until(lambda: monitors() <= before, "the end of the monitor")
            links = lambda: run("ip", "-n", name, "-br", "link").stdout  # noqa: E731
            wait_until(lambda: "hermitage0" not in links(), "the end of the tap")
        check(killed > 0, "create was too fast to be killed")
        # What they have left is in nobody's way.
        container = engine("run", "--pull=never", "-d", "--network", f"ns:/run/netns/{name}", image, "9", "10", "halt")
        check(engine.status(container.stdout.strip()) == 0, "exit status of a container after the killed ones")


# A user for podman, in a mount namespace with its own lists of users and its own device nodes.
ROOTLESS_ID = 54321
ROOTLESS_SETUP = """
set -e
cd "$1"
mknod -m 660 kvm c 10 232
mknod -m 666 tun c 10 200
chown 0:54322 kvm
for name in passwd group; do cp /etc/$name $name; done
echo "hermit-test:x:54321:54321::$1:/bin/sh" >>passwd
echo "hermit-test:x:54321:" >>group
echo "hermit-kvm:x:54322:hermit-test" >>group
echo "hermit-test:1000000:65536" | tee subuid >subgid
touch /etc/subuid /etc/subgid
for name in passwd group subuid subgid; do mount --bind $name /etc/$name; done
mount --bind kvm /dev/kvm
mount --bind tun /dev/net/tun
echo ready
exec sleep 1000
"""


class RootlessPodman(Podman):
    """podman as an ordinary user, who may open /dev/kvm as a member of a second group only."""

    def __init__(self):
        super().__init__()
        for program in ("newuidmap", "newgidmap", "slirp4netns", "unshare", "nsenter", "setpriv"):
            need(shutil.which(program), f"there is no {program} (packages uidmap and slirp4netns)")
        need(Path("/dev/net/tun").exists(), "there is no /dev/net/tun")
        self.home = work / "home"
        self.home.mkdir()
        work.chmod(0o755)
        # For sockets, and podman's lists, whose paths it limits to 50 characters.
        self.short = Path(tempfile.mkdtemp(prefix="h-"))
        for directory in (self.home, self.short):
            os.chown(directory, ROOTLESS_ID, ROOTLESS_ID)
        # The user may not enter the directory of the build.
        for program in (hermitage, hermitage_oci):
            shutil.copy(program, work)
        (work / "runc.toml").write_text(f'runtime = "runc"\nmonitor = "{work}/{hermitage.name}"\n')
        runtime_script = work / "hermitage-oci-runc"
        runtime_script.write_text(runtime_script.read_text().replace(str(hermitage_oci), f"{work}/{hermitage_oci.name}"))
        for name in ("storage.conf", "containers.conf"):
            file = work / name
            file.write_text(re.sub(f"{work}/(graph|run|tmp)", f"{self.short}/\\1", file.read_text()))
        place = work / "private"
        place.mkdir()
        self.keeper = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sh", "-c", ROOTLESS_SETUP, "sh", place],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        need(self.keeper.stdout.readline() == "ready\n", f"there is no user here: {self.keeper.poll()}")

    def __call__(self, *words, **options):
        environment = {name: value for name, value in self.environment.items() if name in ("PATH", "CONTAINERS_CONF",
                                                                                           "CONTAINERS_STORAGE_CONF")}
        return run("nsenter", f"--mount=/proc/{self.keeper.pid}/ns/mnt", f"--wd={self.home}", "setpriv", "--reuid", "hermit-test", "--regid",
                   "hermit-test", "--init-groups", "podman", *words,
                   env=environment | {"HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.short)}, **options)

    def end(self):
        self("rm", "-f", "-t", "0", "-a", status=None)
        self("system", "migrate", status=None)  # ends the process that keeps podman's user namespace
        self.keeper.kill()
        self.keeper.communicate()
        remove_with_mounts(self.short)


def case_podman_runs_guests_without_root():
    engine = RootlessPodman()
    try:
        try_without_root(engine)
    finally:
        engine.end()


def try_without_root(engine):
    done = engine("info", status=None)
    need(done.returncode == 0, f"podman without root does not work here: {done.stderr.strip()}")
    plain = engine.image("plain", files=[static_program()])
    need_containers(engine, plain)
    image = engine.image("rootless", "net", "hello", "files", "exit_code")
    volume = engine.home / "volume"
    volume.mkdir()
    os.chown(volume, ROOTLESS_ID, ROOTLESS_ID)
    check("Hello from a Hermit kernel" in engine.run("--entrypoint", "hello", image).stdout, "the output")
    engine.run("--entrypoint", "exit_code", image, "42", status=42)
    engine.run("--group-add", "keep-groups", "--entrypoint", "hello", image)
    engine.run("--user", "1000", "--entrypoint", "hello", image)
    check("WRONG" not in engine.run("-v", f"{volume}:/data", "--entrypoint", "files", image, "/data").stdout, "the volume")
    check((volume / "folder").stat().st_uid == ROOTLESS_ID, "the owner of the guest's directory")
    kept = engine.run("--userns", "keep-id", "--annotation", "org.hermitage.network=none", "--entrypoint", "hello", image)
    check("Hello from a Hermit kernel" in kept.stdout, f"{kept}")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # podman's own forwarder connects inside the network, past a tap.
    for words in (["--network", "slirp4netns:port_handler=slirp4netns"],
                  ["--network", "slirp4netns", "--annotation", "org.hermitage.publish=9975:9975"]):
        container = engine("run", "--pull=never", "-d", "-p", f"127.0.0.1:{port}:9975", *words, image).stdout.strip()
        wait_until(lambda: "10.0.2.100" in engine("logs", container).stdout, "the guest's address")
        page = run("curl", "-sS", "--max-time", "10", f"http://127.0.0.1:{port}/").stdout
        check("Hello from the guest net" in page, f"{words}: {page}")
        engine("stop", "-t", "5", container)
        check(engine.status(container) == 143, "exit status")
    Path(work, "private/kvm").chmod(0o600)
    refused = engine.run("--entrypoint", "hello", image, status=None)
    check("open /dev/kvm: Permission denied" in refused.stderr, f"{refused}")


def case_podman_plays_kube():
    engine, image = prepared("kube", "count")
    plain = work / "pause"
    plain.mkdir()
    shutil.copy(static_program(), plain / "busybox")
    run("tar", "-C", plain, "-cf", work / "pause.tar", ".")
    engine("import", "--change", 'ENTRYPOINT ["/busybox", "sleep", "1000"]', work / "pause.tar", "localhost/pause:1")
    config = work / "containers.conf"
    config.write_text(config.read_text().replace("[engine]\n", '[engine]\ninfra_image = "localhost/pause:1"\n'))
    pod = work / "pod.yaml"
    pod.write_text(json.dumps({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"pod{os.getpid()}",
                                                        "annotations": {"org.hermitage.network": "none"}},
        "spec": {"containers": [
            {"name": "guest", "image": image, "imagePullPolicy": "Never", "args": ["100000", "1000", "halt"]},
            {"name": "sidecar", "image": "localhost/plain:1", "imagePullPolicy": "Never",
             "command": ["/busybox", "sleep", "1000"]}]}}))
    done = engine("play", "kube", "--network", "none", pod, status=None)
    need(done.returncode == 0 or "hermitage" in done.stderr, f"podman plays no pods here: {done.stderr.strip()}")
    check(done.returncode == 0, done.stderr)
    guest = f"pod{os.getpid()}-guest"
    check(engine.is_running(guest), engine("logs", guest).stdout)
    check("Run time" in engine("exec", guest, "stats").stdout, "statistics")
    engine("exec", f"pod{os.getpid()}-sidecar", "/busybox", "true")
    engine("play", "kube", "--down", pod)


# ---- containerd


CRI_PLUGIN = """
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{place}/cni.d"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
    default_runtime_name = "hermitage"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.hermitage]
    runtime_type = "io.containerd.runc.v2"
    pod_annotations = ["org.hermitage.*"]
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.hermitage.options]
      BinaryName = "{runtime}"
"""


@contextlib.contextmanager
def containerd(plugin='disabled_plugins = ["io.containerd.grpc.v1.cri"]\n'):
    """A function that runs ctr with a containerd of its own, and its socket."""
    need(os.geteuid() == 0, "not root")
    for program in ("containerd", "ctr", "containerd-shim-runc-v2", "runc"):
        need(shutil.which(program), f"there is no {program}")
    need_guests()
    place = Path(tempfile.mkdtemp(dir=work))
    address = place / "socket"
    (place / "config.toml").write_text(
        f'version = 2\nroot = "{place}/root"\nstate = "{place}/state"\noom_score = 0\n'
        + (plugin if plugin.startswith("disabled") else "") + f'[grpc]\naddress = "{address}"\n'
        + ("" if plugin.startswith("disabled") else plugin.format(place=place, runtime=runtime())))
    with open(place / "log", "w") as log:
        daemon = subprocess.Popen(["containerd", "--config", place / "config.toml"], stdout=log, stderr=log)
    try:
        wait_until(address.exists, "containerd's socket")
        def ctr(*words, **options):
            return run("ctr", "--address", address, *words, **options)

        ctr.address = address
        yield ctr, address
    finally:
        daemon.terminate()
        daemon.wait(WAIT)


def start_task(ctr, *options):
    """Starts a guest that runs until it is killed, as the task `long`."""
    archive = work / "task.tar"
    if not archive.exists():
        run(hermitage, "image", "create", "--oci", "-o", archive, "--name", "task:v1", "--kernel", guest_dir / "count")
        ctr("image", "import", archive)
    image = ctr("image", "list", "-q").stdout.split()[0]
    ctr("run", "-d", *options, "--runtime", "io.containerd.runc.v2", "--runc-binary", runtime(), image, "long", "/count", "100000",
        "100", "halt")


def pid_of_task(ctr):
    return next(int(line.split()[1]) for line in ctr("task", "list").stdout.splitlines() if line.startswith("long "))


def case_containerd_runs_guests():
    with containerd() as (ctr, _):
        archive = work / "ctr.tar"
        run(hermitage, "image", "create", "--oci", "-o", archive, "--name", "app:v1", "--kernel", guest_dir / "count",
            "--app-arg", "3", "--app-arg", "10")
        ctr("image", "import", archive)
        image = ctr("image", "list", "-q").stdout.split()[0]
        words = ["--runtime", "io.containerd.runc.v2", "--runc-binary", runtime()]
        out = ctr("run", "--rm", *words, image, "once").stdout
        check([line.split()[0] for line in out.splitlines()] == ["1", "2", "3"], out)
        ctr("run", "-d", *words, image, "long", "/count", "100000", "10", "halt")
        check("Run time" in ctr("task", "exec", "--exec-id", "a", "long", "stats").stdout, "statistics")
        check("last hypercalls" in ctr("task", "exec", "--exec-id", "b", "long", "trace").stdout, "hypercalls")
        refused = ctr("task", "exec", "--exec-id", "c", "long", "sh", status=None)
        check(refused.returncode != 0 and "runs one guest and no other program" in refused.stderr, f"{refused}")
        ctr("task", "kill", "long")
        wait_until(lambda: "STOPPED" in ctr("task", "list").stdout, "the end of the task")
        ctr("task", "delete", "long", status=None)
        ctr("container", "delete", "long")


def fill_memory_of(process):
    """Fills the control group of a container's process with a file in memory: the kernel kills the largest process in the
    group, which is not the small one that writes the file."""
    group = next((line.split(":")[2] for line in Path(f"/proc/{process}/cgroup").read_text().splitlines() if ":memory:" in line),
                 None)
    need(group, "there are no control groups of version 1 for memory")
    place = work / f"memory-{process}"
    place.mkdir()
    run("mount", "-t", "tmpfs", "tmpfs", place)
    try:
        run("/bin/busybox", "sh", "-c", f"echo 0 >/sys/fs/cgroup/memory{group}/cgroup.procs && "
            f"exec /bin/busybox dd if=/dev/zero of={place}/file bs=64k count=2000", status=None)
        end = time.monotonic() + WAIT
        while Path(f"/proc/{process}/exe").exists() and time.monotonic() < end:
            time.sleep(0.02)
    finally:
        run("umount", place)


def case_podman_reports_out_of_memory():
    """conmon 2.1.6 writes its report to the working directory, where podman does not look for it: in containers of runc, too."""
    engine, image = prepared("memory", "count")
    outcomes = []
    place = work / "reports"
    place.mkdir()
    for words in (["--runtime", "runc", "localhost/plain:1", "/busybox", "sleep", "1000"], [image, "100000", "100", "halt"]):
        done = engine("run", "--pull=never", "-d", "--network", "none", "--memory", "64m", *words, status=None, cwd=place)
        need(done.returncode == 0, f"there are no limits here: {done.stderr.strip()}")
        container = done.stdout.strip()
        process = int(engine("inspect", "--format", "{{.State.Pid}}", container).stdout)
        fill_memory_of(process)
        check(engine.status(container) == 137, "exit status")
        outcomes.append((engine("inspect", "--format", "{{.State.OOMKilled}} {{.State.ExitCode}}", container).stdout,
                         [file.name for file in place.iterdir()]))
        (place / "oom").unlink(missing_ok=True)
        engine("rm", "-f", "-t", "0", container)
    check(outcomes[0] == outcomes[1], f"runc and hermitage: {outcomes}")
    check(outcomes[0][0] == "true 137\n" or outcomes[0][1] == ["oom"], f"nothing reports the lack of memory: {outcomes}")


def case_containerd_reports_out_of_memory():
    static_program()
    with containerd() as (ctr, _):
        start_task(ctr, "--memory-limit", str(64 << 20))
        events = subprocess.Popen(["ctr", "--address", ctr.address, "events"], stdout=subprocess.PIPE, text=True)
        try:
            time.sleep(0.5)  # until it listens
            fill_memory_of(pid_of_task(ctr))
            wait_until(lambda: "STOPPED" in ctr("task", "list").stdout, "the end of the task")
        finally:
            time.sleep(0.5)
            events.terminate()
            text = events.communicate()[0]
        check('/tasks/oom {"container_id":"long"}' in text, f"no event: {text}")
        check('"exit_status":137' in text, f"the exit status: {text}")
        ctr("task", "delete", "long", status=None)


def case_containerd_cleans_up_after_kills():
    before = monitors()
    with containerd() as (ctr, _):
        for kills_shim in (False, True):
            start_task(ctr)
            monitor = pid_of_task(ctr)
            shim = int(Path(f"/proc/{monitor}/stat").read_text().rsplit(")")[-1].split()[1])
            check("containerd-shim" in Path(f"/proc/{shim}/cmdline").read_text(), "the parent of a monitor is not the shim")
            os.kill(shim if kills_shim else monitor, signal.SIGKILL)
            wait_until(lambda: "RUNNING" not in ctr("task", "list").stdout, "the end of the task")
            ctr("task", "delete", "--force", "long", status=None)
            wait_until(lambda: monitors() <= before, "the end of the monitor")
            wait_until(lambda: "long" not in ctr("task", "list").stdout, "the deletion of the task")
            ctr("container", "delete", "long")
            wait_until(lambda: f"{work}" not in Path("/proc/mounts").read_text(), "the end of the container's mounts")


def case_cri_runs_pods():
    """A pod with a pause container, a guest and a sidecar, with a tap and with passt."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    crictl = shutil.which("crictl") or next(cache.glob("hermitage-tests/crictl-*/crictl"), None)
    need(crictl, "there is no crictl; testing/containers/get-crictl builds it")
    need(Path("/usr/lib/cni/bridge").exists(), "there are no CNI plugins (package containernetworking-plugins)")
    need(shutil.which("passt"), "there is no passt")
    engine, image = prepared("net", "net")
    engine("import", "--change", 'ENTRYPOINT ["/busybox", "sleep", "1000"]', work / "plain.tar", "localhost/pause:1")
    bridge = f"h{os.getpid()}"
    with containerd(CRI_PLUGIN) as (ctr, listener):
        settings = listener.parent / "cni.d"
        settings.mkdir(exist_ok=True)
        (settings / "10.conflist").write_text(json.dumps({"cniVersion": "0.4.0", "name": bridge, "plugins": [
            {"type": "bridge", "bridge": bridge, "isGateway": True,
             "ipam": {"type": "host-local", "subnet": "198.51.100.0/24", "routes": [{"dst": "0.0.0.0/0"}]}}]}))
        for name in (image, "localhost/pause:1"):
            archive = work / "archive.tar"
            archive.unlink(missing_ok=True)
            engine("save", "--format", "oci-archive", "-o", archive, name)
            # containerd 1.6 sometimes deletes the content of an image before it has a name.
            wait_until(lambda name=name: ctr("--namespace", "k8s.io", "image", "import", "--index-name", name, archive,
                                             status=None).returncode == 0, f"the import of {name}")
        address = f"unix://{listener}"
        try:
            for annotations in ({}, {"org.hermitage.publish": "none", "org.hermitage.publish.guest": "9975:9975"}):
                try_pod(lambda *words, **options: run(crictl, "-t", "60s", "--runtime-endpoint", address,
                                                      "--image-endpoint", address, *words, **options),
                        image, annotations)
        finally:
            run("ip", "link", "delete", bridge, status=None)


def try_pod(crictl, image, annotations):
    def write(name, content):
        (work / f"{name}.json").write_text(json.dumps(content))
        return work / f"{name}.json"

    pod_file = write("pod", {"metadata": {"name": "pod", "uid": "1", "namespace": "default", "attempt": 1},
                             "log_directory": str(work), "linux": {"cgroup_parent": f"/{work.name}"},
                             "annotations": annotations})
    guest_file, sidecar_file = (write(name, {"metadata": {"name": name}, "image": {"image": of}, "log_path": f"{name}.log"})
                                for name, of in (("guest", image), ("sidecar", "localhost/pause:1")))
    pod = crictl("runp", "--runtime", "hermitage", pod_file).stdout.strip()

    def start(file):
        container = crictl("create", pod, file, pod_file).stdout.strip()
        crictl("start", container)
        return container

    try:
        guest, sidecar = start(guest_file), start(sidecar_file)
        address = json.loads(crictl("inspectp", pod).stdout)["status"]["network"]["ip"]
        wait_until(lambda: address in crictl("logs", guest).stdout, "the guest's address")
        check("Hello from the guest net" in page_at(address), "the page from the host")
        inside = crictl("exec", sidecar, "/busybox", "wget", "-qO-", "http://127.0.0.1:9975/", status=None)
        check((inside.returncode == 0) == bool(annotations), f"the page from the sidecar: {inside}")
        check("Run time" in crictl("exec", guest, "stats").stdout, "statistics")
        refused = crictl("exec", guest, "sh", status=None)
        check(refused.returncode == 1 and "runs one guest and no other program" in refused.stderr, f"{refused}")
        crictl("stop", "-t", "5", guest)
        check(json.loads(crictl("inspect", guest).stdout)["status"]["exitCode"] == 143, "exit status")
        crictl("rm", guest)
        again = start(guest_file)
        wait_until(lambda: address in crictl("logs", again).stdout, "the address of the second guest")
        check("Hello from the guest net" in page_at(address), "the page of the second guest")
    finally:
        crictl("rmp", "-f", pod)


def case_process_1_ends_on_every_signal():
    need(os.geteuid() == 0, "not root")
    need(shutil.which("unshare"), "there is no unshare")
    done = run(hermitage, "run", "--engine", "kvm", guest_dir / "hello", status=None)
    need(done.returncode == 0, f"guests do not run here: {done.stderr.strip()}")
    need(run("unshare", "--pid", "--fork", "true", status=None).returncode == 0, "there are no namespaces")
    for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGPWR, signal.SIGRTMIN + 3):
        process = subprocess.Popen(["unshare", "--pid", "--fork", hermitage, "run", "--engine", "kvm",
                                    guest_dir / "hostile", "loop"], stdout=subprocess.PIPE)
        check(process.stdout.read(5) == b"round", "no output")
        child = int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text())
        os.kill(child, signal.SIGWINCH)
        os.kill(child, number)
        status = process.wait(WAIT)
        check(status == 128 + number, f"exit status {status} after signal {number}")


def main():
    try:
        return run_cases(globals(), sys.argv[4:])
    finally:
        remove_with_mounts(work)


if __name__ == "__main__":
    sys.exit(main())
