"""Cuts the power of a program of many processes: what its processes had not synced is taken back (see powerloss.c)."""

import mmap
import os
import pathlib
import random
import struct
import subprocess
import time

SOURCE = pathlib.Path(__file__).with_name("powerloss.c")
HEADER, SECTOR = 4096, 512
CAPACITY = 1 << 30  # a sparse file: only what is written takes room
NOTE = struct.Struct("<IIQQqqqIIQ")
WRITE, TRUNCATE = 1, 2


def build(folder):
    library = pathlib.Path(folder) / "powerloss.so"
    subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O2", "-o", library, SOURCE, "-ldl", "-lpthread"],
                   check=True)
    return library


class PowerLoss:
    """Of files below `root`; of those only whose path there begins with `names`. `lying`: the disk only says that it syncs."""

    def __init__(self, folder, root, user=None, names="", lying=False):
        self.library = build(folder)
        self.root = pathlib.Path(os.path.realpath(root))
        self.names, self.lying = names, lying
        self.log = pathlib.Path(folder) / "powerloss.notes"
        self.user = user
        self.cuts = 0
        self.taken_back = 0

    def arm(self):
        """The environment of a new start, with nothing to take back yet."""
        self.log.unlink(missing_ok=True)
        with open(self.log, "wb") as log:
            log.truncate(HEADER + CAPACITY)
        if self.user:
            os.chown(self.log, self.user.pw_uid, self.user.pw_gid)
        return self.environment()

    def environment(self):
        """That of whoever starts beside those that run."""
        return {"LD_PRELOAD": str(self.library), "POWERLOSS_ROOT": f"{self.root}/{self.names}",
                "POWERLOSS_LOG": str(self.log), **({"POWERLOSS_IGNORE_SYNC": "1"} if self.lying else {})}

    def cut(self, everything, seed, kill):
        with open(self.log, "r+b") as log, mmap.mmap(log.fileno(), HEADER + CAPACITY) as memory:
            memory[4:8] = struct.pack("<I", 1)  # dead: nobody gets past a write or a sync
            time.sleep(0.02)
            kill()
            used, _, overflow, _ = struct.unpack_from("<QQQQ", memory, 8)
            if overflow:
                raise RuntimeError(f"{overflow} writes found no room in the notes; make CAPACITY larger")
            self.take_back(memory, used, everything, random.Random(seed))
        self.cuts += 1

    def take_back(self, memory, used, everything, dice):
        notes, place = [], HEADER
        while place < HEADER + used:
            kind, durable, device, inode, offset, old_size, new_size, old_length, new_length, length = \
                NOTE.unpack_from(memory, place)
            if not durable and kind in (WRITE, TRUNCATE):
                start = place + NOTE.size
                notes.append((kind, (device, inode), offset, old_size, new_size, memory[start:start + old_length],
                              memory[start + old_length:start + old_length + new_length]))
            place += length
        self.taken_back += len(notes)
        files = {}
        for folder, _, names in os.walk(self.root):
            for name in names:
                status = os.stat(os.path.join(folder, name))
                files[status.st_dev, status.st_ino] = os.path.join(folder, name)
        opened = {key: os.open(files[key], os.O_RDWR) for key in {note[1] for note in notes} if key in files}
        for kind, key, offset, old_size, _, old, _ in reversed(notes):
            if key in opened:
                os.pwrite(opened[key], old, offset)
                os.ftruncate(opened[key], old_size)
        if not everything:
            for note in notes:
                if note[1] in opened:
                    self.keep_some(opened[note[1]], note, dice)
        for descriptor in opened.values():
            os.close(descriptor)

    @staticmethod
    def keep_some(descriptor, note, dice):
        """The disk may have written any of the unsynced sectors already."""
        kind, _, offset, _, new_size, _, new = note
        if kind == TRUNCATE:
            if dice.random() < 0.5:
                os.ftruncate(descriptor, new_size)
            return
        luck = dice.randrange(3)  # the whole write is lost, is kept, or is torn
        start = 0
        while start < len(new):
            length = min(SECTOR - (offset + start) % SECTOR, len(new) - start)
            if luck == 1 or (luck == 2 and dice.random() < 0.5):
                os.pwrite(descriptor, new[start:start + length], offset + start)
            start += length
