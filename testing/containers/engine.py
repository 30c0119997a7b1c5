"""Settings of podman and of the runtime, and bundles, for tests and benchmarks of containers."""

import json
import os
import shutil
import subprocess
from pathlib import Path


def write_runtime(work, hermitage, hermitage_oci, below="runc"):
    """A script that starts hermitage-oci with settings of its own. An engine does not pass on its environment."""
    name = Path(below).name
    settings = work / f"{name}.toml"
    settings.write_text(f'runtime = "{below}"\nmonitor = "{hermitage}"\n')
    script = work / f"hermitage-oci-{name}"
    script.write_text(f'#!/bin/sh\nHERMITAGE_OCI_CONFIG={settings} exec {hermitage_oci} "$@"\n')
    script.chmod(0o755)
    return script


def write_podman_settings(work, runtime):
    """Gives podman a store and settings below `work`. Returns its environment."""
    (work / "storage.conf").write_text(f'[storage]\ndriver = "vfs"\ngraphroot = "{work}/graph"\nrunroot = "{work}/run"\n')
    (work / "containers.conf").write_text(
        '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]\nlog_driver = "k8s-file"\n'
        f'[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nlock_type = "file"\ntmp_dir = "{work}/tmp"\n'
        'runtime = "hermitage"\nruntime_supports_json = ["crun", "runc", "hermitage"]\n'
        f'[engine.runtimes]\nhermitage = ["{runtime}"]\n')
    environment = os.environ | {"CONTAINERS_CONF": f"{work}/containers.conf",
                                "CONTAINERS_STORAGE_CONF": f"{work}/storage.conf"}
    environment.pop("LISTEN_FDS", None)
    return environment


def write_bundle(directory, args, group, program=None):
    """A bundle whose root file system has one program, at the path of the first argument. Returns its configuration."""
    (directory / "rootfs").mkdir(parents=True)
    if program:
        shutil.copy(program, directory / "rootfs" / args[0].removeprefix("/"))
    subprocess.run(["runc", "spec"], cwd=directory, check=True)
    config = json.loads((directory / "config.json").read_text())
    config["process"].update(args=args, terminal=False)
    config["process"].pop("rlimits", None)
    config["linux"]["cgroupsPath"] = f"/{group}"
    write_config(directory, config)
    return config


def write_config(directory, config):
    (directory / "config.json").write_text(json.dumps(config, indent=3))
