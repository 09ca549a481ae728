"""A terminal: runs a program as a person would, and reads what it shows, QR codes included."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading
import time

import zxingcpp


class Terminal:
    """A program on a pseudo terminal of 100 columns. Ended with the block, if it has not ended by itself."""

    def __init__(self, command, environment, columns=100, patience=60):
        self.patience = patience
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 60, columns, 0, 0))
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        self.bytes = b""
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        while True:
            try:
                chunk = os.read(self.master, 65536)
            except OSError:
                return
            if not chunk:
                return
            self.bytes += chunk

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reader.join(timeout=10)
        os.close(self.master)

    @property
    def raw(self):
        return self.bytes.decode(errors="replace").replace("\r\n", "\n")

    @property
    def text(self):
        return re.sub(r"\x1b\[[0-9;]*m", "", self.raw)

    def wait_for(self, pattern):
        deadline = time.monotonic() + self.patience
        while time.monotonic() < deadline:
            match = re.search(pattern, self.text)
            if match:
                return match
            if self.process.poll() is not None:
                self.reader.join(timeout=10)
                match = re.search(pattern, self.text)
                assert match, f"ended with {self.process.returncode} without {pattern!r}:\n{self.text}"
                return match
            time.sleep(0.05)
        raise AssertionError(f"{pattern!r} does not come:\n{self.text}")

    def interrupt(self):
        """Ctrl-C, through the terminal, as the keyboard sends it."""
        os.write(self.master, b"\x03")

    def end(self):
        """The exit code."""
        code = self.process.wait(timeout=self.patience)
        self.reader.join(timeout=10)
        return code

    def qr_code(self):
        """What a phone's camera reads on this screen: black ink on white, two modules a character."""
        rows = []
        for line in self.raw.split("\n"):
            match = re.search(r"\x1b\[38;5;16m\x1b\[48;5;231m([ ▀▄█]+)\x1b\[0m", line)
            if match:
                rows.append([character in "▀█" for character in match.group(1)])
                rows.append([character in "▄█" for character in match.group(1)])
        assert rows, f"no QR code:\n{self.text}"
        scale = 4
        pixels = bytearray()
        for row in rows:
            pixels += b"".join((b"\0" if dark else b"\xff") * scale for dark in row) * scale
        image = memoryview(bytes(pixels)).cast("B", shape=[len(rows) * scale, len(rows[0]) * scale])
        found = zxingcpp.read_barcodes(image, formats=zxingcpp.BarcodeFormat.QRCode)
        assert len(found) == 1, f"{len(found)} codes"
        return found[0].text
