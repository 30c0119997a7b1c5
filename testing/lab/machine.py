"""The machines for cases: an emulated one with real KVM for each kernel, and the host itself.

A kernel is a Debian package that is downloaded and unpacked, not installed. All files of the machine are in its
initramfs. Its output is written to a disk, so that it does not share the console.
"""

import contextlib
import lzma
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hermitage-lab"

# The name of a kernel in the lab → the names of its packages. Those that begin with "arm-" are for aarch64. "-16k" has
# pages of 16 KiB, and is not a cloud kernel: its driver of the disk is a module.
KERNELS = {
    "6.1": re.compile(r"linux-image-6\.1\.0-[0-9]+-cloud-amd64"),
    "6.12": re.compile(r"linux-image-6\.12\.[0-9][^-]*-cloud-amd64"),
    "arm-6.1": re.compile(r"linux-image-6\.1\.0-[0-9]+-cloud-arm64"),
    "arm-6.12": re.compile(r"linux-image-6\.12\.[0-9][^-]*-cloud-arm64"),
    "arm-6.12-16k": re.compile(r"linux-image-6\.12\.[0-9][^-]*-arm64-16k-unsigned"),
}
X86_64_KERNELS = [kernel for kernel in KERNELS if not kernel.startswith("arm-")]
MODULES_X86_64 = ("irqbypass", "kvm", "kvm-amd", "tun", "tap", "vhost_iotlb", "vhost", "vhost_net")
MODULES_DISK = ("nvme-auth", "nvme-core", "nvme")
MODULES_AARCH64 = ("tun", "tap", "vhost_iotlb", "vhost", "vhost_net")  # KVM is part of the kernel
# A multiple of a page, larger than the results of any run so far. The file is sparse.
DISK_SIZE = 1 << 30
# The time for the machine to start, to power off, and to pack results, in addition to a case's own time limit.
PATIENCE_SECONDS = 60
# QEMU's emulation. Each instruction takes eight nanoseconds of emulated time, and idle time passes immediately, so
# that measurements in images do not depend on the load of the host.
STEADY_TIME = ("-accel", "tcg,tb-size=64", "-icount", "shift=3,sleep=off")
# With the host's time, for interactive use and for benchmarks. The memory for translated code (in MiB) is small, so
# that it is soon allocated completely: each new page of 2 MiB would stop the machine for milliseconds.
HOST_TIME = ("-accel", "tcg,thread=multi,tb-size=64")


class Unavailable(Exception):
    """A machine is unavailable on this host. The text is the reason. This is not an error: its cases are skipped."""


class Hang(Exception):
    """A machine stopped before its work was complete. The text states where."""


def program(name):
    path = shutil.which(name)
    if not path:
        raise Unavailable(f"there is no {name} (make test installs it)")
    return path


def is_aarch64(kernel):
    return kernel.startswith("arm-")


def has_large_pages(kernel):
    return kernel.endswith("-16k")


def architecture(name):
    """Returns the architecture of a machine, as uname prints it."""
    if name == "host":
        return platform.machine()
    return "aarch64" if is_aarch64(name) else "x86_64"


def modules(kernel):
    """Returns the modules that the machine loads, in the order of loading."""
    if not is_aarch64(kernel):
        return MODULES_X86_64
    return (*MODULES_DISK, *MODULES_AARCH64) if has_large_pages(kernel) else MODULES_AARCH64


def apt_options(kernel):
    """Returns the options of apt for the packages of a kernel.

    Packages of another architecture have package lists of their own: the host's stay as they are.
    """
    if not is_aarch64(kernel):
        return []
    state = CACHE / "apt-arm64"
    options = [f"Dir::State={state}/state", f"Dir::State::status={state}/status", f"Dir::Cache={state}/cache",
               "APT::Architecture=arm64", "APT::Architectures=arm64", "APT::Sandbox::User="]
    options = [word for option in options for word in ("-o", option)]
    if not (state / "complete").exists():
        for directory in ("state/lists/partial", "cache/archives/partial"):
            (state / directory).mkdir(parents=True, exist_ok=True)
        (state / "status").touch()
        updated = subprocess.run([program("apt-get"), "-qq", *options, "update"], capture_output=True)
        if updated.returncode:
            raise Unavailable("the package lists of arm64 cannot be downloaded")
        (state / "complete").touch()
    return options


def fetch_busybox(kernel):
    """Returns the path of a statically linked busybox that runs in the machine."""
    if not is_aarch64(kernel):
        return program("busybox")
    path = CACHE / "busybox-arm64" / "bin/busybox"
    if not path.exists():
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            download("busybox-static", kernel, scratch)
            subprocess.run(["dpkg", "-x", next(Path(scratch).glob("*.deb")), CACHE / "busybox-arm64"], check=True)
    return str(path)


def download(package, kernel, directory):
    """Downloads a package. Raises Unavailable if that fails."""
    command = [program("apt-get"), "download", "-q", "-o", "APT::Sandbox::User=root", *apt_options(kernel), package]
    if subprocess.run(command, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
        raise Unavailable(f"the package {package} cannot be downloaded")


def version_key(package):
    return [int(part) if part.isdigit() else part for part in re.split(r"([0-9]+)", package)]


def packages(kernel):
    """Returns the names of a kernel's packages in apt, the newest first."""
    if not shutil.which("apt-cache"):
        return []
    prefix = f"linux-image-{kernel.removeprefix('arm-').removesuffix('-16k')}"
    listed = subprocess.run(["apt-cache", *apt_options(kernel), "pkgnames", prefix], capture_output=True, text=True).stdout
    return sorted(filter(KERNELS[kernel].fullmatch, listed.split()), key=version_key, reverse=True)


def unpack(package, deb, into, names):
    """Stores vmlinuz and the modules of a package in a directory, which is created only when it is complete."""
    with tempfile.TemporaryDirectory(dir=into.parent) as scratch:
        subprocess.run(["dpkg", "-x", deb, scratch], check=True)
        parts = Path(scratch, "parts")
        parts.mkdir()
        shutil.copy(next(Path(scratch, "boot").glob("vmlinuz-*")), parts / "vmlinuz")
        for module in names:
            file = next(Path(scratch).glob(f"lib/modules/*/kernel/**/{module}.ko*"), None)
            if not file:
                raise Unavailable(f"{package} has no module {module}")
            content = file.read_bytes()
            (parts / f"{module}.ko").write_bytes(lzma.decompress(content) if file.suffix == ".xz" else content)
        shutil.rmtree(into, ignore_errors=True)  # one that was unpacked for fewer modules
        parts.rename(into)


def is_complete(directory, kernel):
    return all((directory / name).exists() for name in ("vmlinuz", *(f"{module}.ko" for module in modules(kernel))))


def fetch_kernel(kernel):
    """Returns the directory with vmlinuz and modules of the newest package of a kernel. Downloads it if necessary."""
    names = packages(kernel)
    for name in names[:3]:
        directory = CACHE / name
        if is_complete(directory, kernel):
            return directory
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            with contextlib.suppress(Unavailable):
                download(name, kernel, scratch)
            deb = next(Path(scratch).glob("*.deb"), None)
            if not deb:
                continue
            try:
                unpack(name, deb, directory, modules(kernel))
            except OSError:
                if not is_complete(directory, kernel):  # somebody else may have been quicker
                    raise
            return directory
    have = [entry.name for entry in CACHE.glob("linux-image-*")
            if KERNELS[kernel].fullmatch(entry.name) and is_complete(entry, kernel)]
    if have:
        return CACHE / max(have, key=version_key)
    why = "cannot be downloaded" if names else "is in no package list (apt-get update?)"
    raise Unavailable(f"the package of a Linux {kernel} cloud kernel {why}")


def shared_libraries(file):
    """Returns the files that the dynamic linker would load for a program. Empty for static programs."""
    with open(file, "rb") as stream:
        header = stream.read(20)
    # A program for another architecture, which has to be linked statically, has 183 (EM_AARCH64) there.
    if header[:4] != b"\x7fELF" or header[18:] == b"\xb7\0":
        return []
    listed = subprocess.run(["ldd", file], capture_output=True, text=True).stdout
    return re.findall(r"(?:=> |^\s+)(/\S+)", listed, re.MULTILINE)


def place(source, target):
    """Copies a file or a tree of files."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copy(source, target)


def stage(root, files):
    """Fills a directory with the files for cases. files: path in it (without leading slash) → source."""
    for where, what in files.items():
        what = Path(what).resolve()
        place(what, root / where)
        if what.is_file():
            for library in shared_libraries(what):
                if not (root / library.lstrip("/")).exists():
                    place(Path(library).resolve(), root / library.lstrip("/"))


def initramfs(kernel, kernel_directory, files, output):
    """Writes the initial file system of the machine."""
    busybox = fetch_busybox(kernel)
    if shared_libraries(busybox):
        raise Unavailable("busybox is not linked statically (the package busybox-static is)")
    run_busybox = [program("qemu-aarch64")] if is_aarch64(kernel) else []
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        for directory in ("bin", "sbin", "usr", "dev", "proc", "sys", "tmp", "root", "mnt", "etc", "lib/modules", "lab/bin"):
            (root / directory).mkdir(parents=True, exist_ok=True)
        for name in ("lib64", "usr/bin", "usr/sbin", "usr/lib"):
            (root / name).symlink_to(f"{'../' if '/' in name else ''}{name.rpartition('/')[2].replace('lib64', 'lib')}")
        shutil.copy(busybox, root / "bin/busybox")
        for applet in subprocess.run([*run_busybox, busybox, "--list"], capture_output=True, text=True, check=True).stdout.split():
            if applet != "busybox":
                (root / "bin" / applet).symlink_to("busybox")
        (root / "tmp").chmod(0o1777)
        (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")
        (root / "etc/group").write_text("root:x:0:\nnogroup:x:65534:\n")
        for module in modules(kernel):
            shutil.copy(kernel_directory / f"{module}.ko", root / "lib/modules")
        for script, where in (("init", "init"), ("run-cases", "lab/run-cases")):
            shutil.copy(HERE / script, root / where)
            (root / where).chmod(0o755)
        stage(root, files)
        names = sorted(str(path.relative_to(root)) for path in root.rglob("*"))
        with open(output, "wb") as stream:
            subprocess.run([program("cpio"), "--null", "--create", "--format=newc", "--quiet", "--owner=0:0"],
                           input="\0".join(names).encode() + b"\0", cwd=root, stdout=stream, check=True)


def host_kvm(probe=None):
    """Returns the kind of /dev/kvm of the host: real, paravirtual or none. probe: kvm_probe, if it has been built."""
    with tempfile.TemporaryDirectory() as scratch:
        if probe is None:
            probe = Path(scratch, "kvm_probe")
            subprocess.run([program("cc"), "-o", probe, HERE / "kvm_probe.c"], check=True)
        return subprocess.run([probe], capture_output=True, text=True).stdout.strip()


def run_here(files, results, say=lambda case: None):
    """Like boot(), but runs cases on the host itself."""
    results.mkdir(parents=True, exist_ok=True)
    busybox = program("busybox")
    with tempfile.TemporaryDirectory() as scratch:
        lab = Path(scratch, "lab")
        for where, what in files.items():
            (Path(scratch, where).parent).mkdir(parents=True, exist_ok=True)
            Path(scratch, where).symlink_to(Path(what).resolve())
        environment = {**os.environ, "LAB": str(lab), "PATH": f"{lab / 'bin'}:{os.environ['PATH']}"}
        with subprocess.Popen([busybox, "sh", HERE / "run-cases", lab / "work", results], env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout:
                say(line.removeprefix("lab: ").strip())


def qemu(kernel, kernel_directory, initrd, emulation, *more):
    if is_aarch64(kernel):
        name, console = "qemu-system-aarch64", "ttyAMA0"
        cpu = "neoverse-n1" if has_large_pages(kernel) else "cortex-a72"  # which has no pages of 16 KiB
        computer = ("-machine", "virt,virtualization=on,gic-version=3", "-cpu", cpu)
    else:
        name, console = "qemu-system-x86_64", "ttyS0"
        computer = ("-machine", "q35", "-cpu", "EPYC,+svm,+npt")
    # One processor: with two, the emulated host sometimes locks up in a KVM thread.
    return [program(name), "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", *computer, *emulation,
            "-smp", "1", "-m", "2G", "-kernel", str(kernel_directory / "vmlinuz"), "-initrd", str(initrd),
            "-append", f"console={console} quiet panic=-1 mitigations=off random.trust_cpu=on", *more]


def shell(kernel, files, directory):
    """Runs a shell in the machine, on this terminal."""
    kernel_directory = fetch_kernel(kernel)
    with tempfile.TemporaryDirectory() as scratch:
        initrd, where = Path(scratch, "initrd"), Path(scratch, "directory")
        where.write_text(directory)
        initramfs(kernel, kernel_directory, {**files, "lab/directory": where}, initrd)
        print("A shell in the lab; exit, or Ctrl-A X, ends it.", file=sys.stderr)
        ended = subprocess.run(qemu(kernel, kernel_directory, initrd, HOST_TIME, "-serial", "mon:stdio"), stderr=subprocess.PIPE,
                               text=True)
        if ended.returncode:
            print(ended.stderr, file=sys.stderr)
        return ended.returncode


class Progress:
    """Returns the progress that a machine reports: the lines that begin with "lab: "."""

    def __init__(self, log):
        self.log = log
        self.current = None
        self.changed = time.monotonic()

    def look(self):
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        lines = re.findall(r"^lab: (\S+)\s*$", text, re.MULTILINE)
        current = lines[-1] if lines else None
        if current == self.current:
            return False
        self.current, self.changed = current, time.monotonic()
        return True

    def waited(self):
        return time.monotonic() - self.changed


def watch(process, log, limits, say):
    """Waits until a machine ends, or until its last report is too long ago."""
    progress = Progress(log)
    while True:
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            pass
        if progress.look() and progress.current in limits:
            say(progress.current)
        if process.poll() is not None:
            break
        if progress.waited() > limits.get(progress.current, 0) + PATIENCE_SECONDS:
            process.kill()
            process.wait()
            raise Hang(f"the machine hangs {place_of(progress.current, limits)}{last_words(log)}")
    if progress.current != "end":
        raise Hang(f"the machine stopped {place_of(progress.current, limits)}{last_words(log)}")


def place_of(current, limits):
    if current is None:
        return "before the first case"
    return f"in case {current}" if current in limits else "after the last case"


def last_words(log):
    lines = [line for file in (log.with_name("qemu.log"), log) if file.exists()
             for line in file.read_text(errors="replace").splitlines()[-20:]]
    return "".join(f"\n  {line}" for line in lines)


def boot(kernel, files, limits, results, say=lambda case: None, emulation=STEADY_TIME):
    """Runs cases in one boot of an emulated machine.

    files: path in the initramfs → source, with the input of run-cases in lab/work. limits: the names of the cases and
    their time limits in seconds. results: a directory for the output of run-cases, and console.log. emulation: options for
    QEMU, such as STEADY_TIME.
    Results of completed cases exist even if the machine did not complete its work.
    """
    kernel_directory = fetch_kernel(kernel)
    results.mkdir(parents=True, exist_ok=True)
    log = results / "console.log"
    log.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        initrd, disk = Path(scratch, "initrd"), Path(scratch, "disk")
        initramfs(kernel, kernel_directory, files, initrd)
        with open(disk, "wb") as stream:
            stream.truncate(DISK_SIZE)
        with open(results / "qemu.log", "wb") as said:
            process = subprocess.Popen(
                qemu(kernel, kernel_directory, initrd, emulation, "-serial", f"file:{log}", "-drive",
                     f"file={disk},format=raw,if=none,id=results,cache=unsafe", "-device", "nvme,drive=results,serial=lab"),
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said)
        try:
            watch(process, log, limits, say)
        except Hang:
            with contextlib.suppress(tarfile.TarError):  # what it was writing may be half there
                collect(disk, results)
            raise
        finally:
            process.kill()
            process.wait()
        collect(disk, results)


def collect(disk, results):
    """Unpacks the adjacent archives at the beginning of a disk."""
    with open(disk, "r+b") as stream:
        end = 0
        try:
            while True:
                end = os.lseek(stream.fileno(), os.lseek(stream.fileno(), end, os.SEEK_DATA), os.SEEK_HOLE)
        except OSError:  # no data behind the last hole
            stream.truncate(end)
        if end == 0:
            return
        stream.seek(0)
        with tarfile.open(fileobj=stream, mode="r:", ignore_zeros=True) as archives:
            archives.extractall(results, filter="tar")
