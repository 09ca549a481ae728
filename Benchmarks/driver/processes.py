"""What the system knows of a process and of its children: processor time and memory (Linux only)."""
import os
import pathlib

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGESIZE")


def processor_seconds(pid):
    """User and system time of a process and of its children that have ended; nothing of one that has ended itself."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(fields[number]) for number in (11, 12, 13, 14)) / TICK


def children(pid):
    path = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()] if path.exists() else []


def family_seconds(pid):
    """The same with the children that run."""
    return sum(processor_seconds(each) for each in [pid, *children(pid)])


def resident(pid):
    """Bytes that a process and its children hold."""
    return sum(
        int(pathlib.Path(f"/proc/{each}/statm").read_text().split()[1]) * PAGE for each in [pid, *children(pid)]
    )
