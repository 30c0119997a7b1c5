"""Runs the cases of a test program: its functions whose names begin with case_."""

import shutil
import subprocess
import time

SKIPPED_STATUS = 77


class Skipped(Exception):
    """The host lacks something that a case needs."""


class Failed(Exception):
    """A case found an error."""


def check(condition, message):
    if not condition:
        raise Failed(message)


def outcome_of(name, case):
    """Runs a case and prints its outcome. Returns its exit status: 0, 1 if it failed, 77 if it was skipped."""
    begin = time.monotonic()
    status = 0
    try:
        case()
        outcome = "ok"
    except Skipped as skipped:
        outcome = f"skipped: {skipped}"
        status = SKIPPED_STATUS
    except (Failed, OSError, subprocess.SubprocessError) as failed:
        outcome = f"FAILED: {failed!r}" if isinstance(failed, TimeoutError) else f"FAILED: {failed}"
        status = 1
    print(f"{name}: {outcome} ({time.monotonic() - begin:.1f} s)", flush=True)
    return status


def run_cases(functions, names):
    """Runs the cases with these names, or every case for the name `all`. functions: globals() of the test program."""
    cases = {name.removeprefix("case_"): function for name, function in functions.items() if name.startswith("case_")}
    status = 0
    for name in cases if names == ["all"] else names:
        one = outcome_of(name, cases[name])
        status = 1 if 1 in (status, one) else status or one
    return status


def remove_with_mounts(directory):
    """Removes a directory of a test. A test that failed may have left file systems mounted in it."""
    subprocess.run(["sh", "-c", 'mount | sed -n "s,.* on \\($0[^ ]*\\) type .*,\\1,p" | xargs -r umount -l', directory],
                   check=False)
    shutil.rmtree(directory, ignore_errors=True)
