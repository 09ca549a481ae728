"""The lost-power library, built and described for whoever starts a process under it (see lostwrites.c)."""

import os
import pathlib
import subprocess

SOURCE = pathlib.Path(__file__).with_name("lostwrites.c")


def build(folder):
    """Compiles the library into `folder` and returns its path."""
    library = pathlib.Path(folder) / "lostwrites.so"
    compiler = os.environ.get("CC", "cc")
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O2", "-o", library, SOURCE, "-ldl", "-lpthread"], check=True)
    return library


def environment(library, root, seed, after_ms=None, after_operations=None, on_signal=False, everything=False,
                lying_disk=False, log=None):
    """The environment of a process that is to lose its power; only files under `root` are watched."""
    variables = dict(os.environ)
    variables["LD_PRELOAD"] = str(library)
    variables["LOSTWRITES_ROOT"] = str(root)
    variables["LOSTWRITES_SEED"] = str(seed)
    variables["LOSTWRITES_MODE"] = "all" if everything else "some"
    if after_ms is not None:
        variables["LOSTWRITES_AFTER_MS"] = str(after_ms)
    if after_operations is not None:
        variables["LOSTWRITES_AFTER_OPS"] = str(after_operations)
    if on_signal:
        variables["LOSTWRITES_ON_SIGNAL"] = "1"
    if lying_disk:
        variables["LOSTWRITES_IGNORE_SYNC"] = "1"
    if log is not None:
        variables["LOSTWRITES_LOG"] = str(log)
    return variables
