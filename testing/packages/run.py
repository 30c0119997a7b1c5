#!/usr/bin/env python3
"""Makes the packages of a finished build, and installs and uses them where nothing else is installed.

usage: run.py BUILD CASE...

BUILD is the directory of a build with a static program, of which nothing is compiled here. CASE is a function below, without case_;
`all` runs every one. Exit status 77: skipped, because something is missing.
"""
import filecmp
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from case_runner import Failed, Skipped, check, remove_with_mounts, run_cases  # noqa: E402

build = Path(sys.argv[1]).resolve()
testing = Path(__file__).resolve().parent.parent
packaging = testing.parent / "packaging"
work = Path(tempfile.mkdtemp(prefix="hermitage-packages-"))
GREETING = "Hello from a Hermit kernel in C++\n"

# Runs "$@" with $root as its root directory, which has /dev/kvm, if this host has it, and /proc.
IN_ROOT = """
root=$1; shift
mount -t proc proc "$root/proc"
mount --bind /dev/null "$root/dev/null"
[ ! -e /dev/kvm ] || mount --bind /dev/kvm "$root/dev/kvm"
exec chroot "$root" "$@"
"""


def need(condition, what):
    if not condition:
        raise Skipped(what)


def run(*words, status=0, timeout=100, **options):
    """Runs a command, and checks its exit status unless that is None."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=timeout, **options)
    if status is not None and done.returncode != status:
        raise Failed(f"{' '.join(map(str, words))}: exit status {done.returncode}, not {status}: "
                     f"{done.stdout[-1000:]}{done.stderr[-2000:]}")
    return done


def need_static_build():
    interpreter = run("readelf", "-lW", build / "bin/hermitage").stdout
    need("INTERP" not in interpreter, "the program is not linked statically")
    need((build / "share/hermitage/examples/hello.tar.gz").exists(), "there are no example images")


def need_mounts():
    need(os.geteuid() == 0, "not root")
    done = run("unshare", "--mount", "--propagation", "private", "mount", "-t", "tmpfs", "tmpfs", work, status=None)
    need(done.returncode == 0, f"root cannot mount here: {done.stderr.strip()}")


def guests_run_here():
    hello = build / "share/hermitage/examples/hello.tar.gz"
    return run(build / "bin/hermitage", "run", "--engine", "kvm", hello, status=None).returncode == 0


def in_root(root, *words, **options):
    """Runs a command with another root directory."""
    for name in ("proc", "dev", "tmp"):
        (root / name).mkdir(exist_ok=True)
    for name in ("null", "kvm"):
        (root / "dev" / name).touch()
    return run("unshare", "--mount", "--propagation", "private", "sh", "-ec", IN_ROOT, "sh", root, *words, **options)


def check_programs(root, prefix):
    """Uses what is installed below prefix of another root directory."""
    program = f"{prefix}/bin/hermitage"
    examples = f"{prefix}/share/hermitage/examples"
    check(in_root(root, program, "--version").stdout.startswith("hermitage "), "--version")
    done = in_root(root, program, "doctor", status=None)
    check(done.stdout.startswith("Engine kvm\n"), f"doctor: {done.stdout}{done.stderr}")
    report = in_root(root, program, "inspect", f"{examples}/hello.tar.gz").stdout
    check("Loadable: yes" in report, report)
    if guests_run_here():
        out = in_root(root, program, "run", "--engine", "kvm", f"{examples}/hello.tar.gz").stdout
        check(out == GREETING, f"hello printed '{out}'")
        out = in_root(root, program, "run", "--engine", "kvm", f"{examples}/echo.tar.gz", input="a line\n").stdout
        check("a line\n" in out, f"echo printed '{out}'")


def tarball(directory):
    return Path(run(packaging / "dist", build, work / directory).stdout.strip())


def unpacked(archive, directory):
    """Unpacks the tarball, and returns the path of its top directory."""
    run("tar", "-C", directory, "-xzf", archive)
    return directory / archive.name.removesuffix(".tar.gz")


def case_tarball_is_reproducible_and_complete():
    need_static_build()
    archive = tarball("first")
    check(filecmp.cmp(archive, tarball("second"), shallow=False), "two tarballs of one build differ")
    top = unpacked(archive, work)
    for name in ("bin/hermitage", "share/man/man1/hermitage-run.1", "share/bash-completion/completions/hermitage",
                 "share/zsh/site-functions/_hermitage", "share/fish/vendor_completions.d/hermitage.fish",
                 "share/hermitage/examples/hello.tar.gz", "share/hermitage/examples/echo.tar.gz"):
        check((top / name).is_file(), f"no {name} in the tarball")
    check(not (top / "include").exists() and not (top / "lib").exists(), "files for development in the tarball")
    # Programs find the boot loaders next to them.
    loaders = {path.name for path in (build / "share/hermitage").glob("hermitage-loader-*")}
    check(loaders == {path.name for path in (top / "share/hermitage").glob("hermitage-loader-*")}, "boot loaders")


def case_tarball_runs_in_an_empty_root():
    need_static_build()
    need_mounts()
    root = work / "empty"
    root.mkdir()
    top = unpacked(tarball("dist"), root)
    check_programs(root, f"/{top.name}")


def debian_root(release, *packages):
    """A root directory with these packages of a release of Debian, and the packages that they depend on."""
    need(shutil.which("mmdebstrap"), "there is no mmdebstrap")
    root = work / release
    done = run("mmdebstrap", "--quiet", "--mode=root", "--variant=extract", f"--include={','.join(packages)}", release, root,
               status=None, timeout=200)
    need(done.returncode == 0, f"mmdebstrap makes no Debian here: {done.stderr.strip()[-300:]}")
    return root


def case_tarball_runs_on_debian_11():
    need_static_build()
    need_mounts()
    root = debian_root("bullseye", "libc6")
    check(list(root.glob("lib/*-linux-gnu/libc-2.31.so")), "Debian 11 has another C library")
    top = unpacked(tarball("dist"), root)
    check_programs(root, f"/{top.name}")


def files_of(root):
    """Every path of a root directory, but for the records of dpkg, and what only this test makes."""
    mine = {"proc", "dev", "tmp", "var/lib/dpkg", "var/log", "var/cache"}
    paths = set()
    for directory, names, files in os.walk(root):
        here = os.path.relpath(directory, root)
        names[:] = [name for name in names if os.path.normpath(f"{here}/{name}") not in mine]
        paths.update(os.path.normpath(f"{here}/{name}") for name in names + files)
    return paths


def check_development_package(package):
    """Builds a program with the files of libhermitage-dev, and compares what it prints with `hermitage load`."""
    files = work / "development"
    run("dpkg-deb", "--extract", package, files)
    consumer = work / "consumer"
    run("cmake", "-S", testing / "consumers/image", "-B", consumer, f"-DCMAKE_PREFIX_PATH={files}/usr")
    run("cmake", "--build", consumer)
    hello = build / "share/hermitage/examples/hello.tar.gz"
    loaded = run(build / "bin/hermitage", "load", "--json", hello).stdout
    printed = run(consumer / "consumer", hello).stdout.split()
    check(int(printed[-1], 16) == json.loads(loaded)["entry_point"], f"the consumer printed {printed}, load {loaded}")


def case_debian_packages():
    need_static_build()
    for tool in ("dpkg-deb", "cmake"):
        need(shutil.which(tool), f"there is no {tool}")
    package, development = map(Path, run(packaging / "deb", build, work / "deb", timeout=300).stdout.split())
    listed = run("dpkg-deb", "--contents", development).stdout
    check("/usr/include/hermitage/entry/kernel_object.hpp" in listed and "/usr/bin/" not in listed, listed)
    if shutil.which("lintian"):
        run("lintian", "--allow-root", "--fail-on", "error", package, development, timeout=300)
    else:
        print("lintian: skipped, it is missing")
    check_development_package(development)
    need_mounts()
    root = debian_root("bookworm", "dpkg", "dash", "coreutils", "diffutils", "libc-bin", "tar", "base-files")
    before = files_of(root)
    shutil.copy(package, root / "package.deb")
    in_root(root, "dpkg", "--install", "/package.deb")
    (root / "package.deb").unlink()
    check_programs(root, "/usr")
    check((root / "etc/hermitage/oci.toml").is_file(), "no settings of hermitage-oci")
    in_root(root, "dpkg", "--purge", "hermitage")
    left = files_of(root) - before
    check(not left, f"left after the removal: {sorted(left)}")


def case_debian_package_for_arm64():
    """Beside this build, in the directory release-aarch64, is a cross build (`make cross`)."""
    need_static_build()
    cross = build.parent / "release-aarch64"
    need((cross / "bin/hermitage-oci").is_file(), "there is no cross build")
    package = Path(run(packaging / "deb", cross, work / "deb", build, timeout=300).stdout.strip())
    check(package.name.endswith("_arm64.deb"), package.name)
    if shutil.which("lintian"):
        run("lintian", "--allow-root", "--fail-on", "error", package, timeout=300)
    files = work / "files"
    run("dpkg-deb", "--extract", package, files)
    for name in ("bin/hermitage-oci", "share/man/man1/hermitage.1.gz", "share/hermitage/hermitage-loader-aarch64",
                 "share/bash-completion/completions/hermitage"):
        check((files / "usr" / name).is_file(), f"no {name}")
    emulator = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")
    need(emulator, "there is no qemu-aarch64")
    program = files / "usr/bin/hermitage"
    check(run(emulator, program, "--version").stdout.startswith("hermitage "), "--version")
    hello = files / "usr/share/hermitage/examples/hello.tar.gz"
    check("x86_64" in run(emulator, program, "inspect", hello).stdout, "inspect")


def case_container_image():
    need_static_build()
    need(os.geteuid() == 0, "not root")
    for program in ("podman", "runc", "conmon"):
        need(shutil.which(program), f"there is no {program}")
    need(guests_run_here(), "guests do not run here")
    (work / "storage.conf").write_text(f'[storage]\ndriver = "vfs"\ngraphroot = "{work}/graph"\nrunroot = "{work}/run"\n')
    (work / "containers.conf").write_text(
        '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]\nlog_driver = "k8s-file"\n'
        f'[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nlock_type = "file"\ntmp_dir = "{work}/tmp"\n'
        'runtime = "runc"\n')
    environment = os.environ | {"CONTAINERS_CONF": f"{work}/containers.conf",
                                "CONTAINERS_STORAGE_CONF": f"{work}/storage.conf"}
    environment.pop("LISTEN_FDS", None)

    def podman(*words, **options):
        return run("podman", *words, env=environment, **options)

    done = podman("info", status=None)
    need(done.returncode == 0, f"podman does not work here: {done.stderr.strip()}")
    run(packaging / "image", build, "localhost/hermitage", env=environment)
    start = ("run", "--pull=never", "--rm", "--network", "none")
    done = podman(*start, "localhost/hermitage", "--version", status=None)
    need("OCI runtime" not in done.stderr, f"podman runs no containers here: {done.stderr.strip()}")
    check(done.returncode == 0 and done.stdout.startswith("hermitage "), f"{done}")
    example = "/usr/share/hermitage/examples/hello.tar.gz"
    done = podman(*start, "--device", "/dev/kvm", "localhost/hermitage", "run", "--engine", "kvm", example)
    check(done.stdout == GREETING, f"{done}")


def main():
    try:
        return run_cases(globals(), sys.argv[2:])
    finally:
        remove_with_mounts(work)


if __name__ == "__main__":
    sys.exit(main())
