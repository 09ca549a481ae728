#!/usr/bin/env python3
"""A TCP proxy between the nodes and their stores, a process of its own so that it is not slow when the harness is busy.

    proxy.py LISTEN:TARGET…        one link each, on the loopback

Commands on standard input, one a line, answered with "done": `INDEX MODE`, where INDEX counts links from 0 and MODE is

    pass            as if it were not there
    drop            connections are reset, new ones are refused
    blackhole       connections stay open and are accepted; nothing passes. What waits passes when the link heals
    delay MS        everything comes so much later
"""

import asyncio
import contextlib
import socket
import struct
import sys


class Link:
    def __init__(self, listen, target):
        self.listen, self.target = listen, target
        self.mode, self.delay = "pass", 0.0
        self.open = asyncio.Event()
        self.open.set()
        self.writers = set()
        self.server = None

    async def start(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", self.listen)

    async def set(self, mode, delay=0.0):
        self.mode, self.delay = mode, delay
        if mode == "blackhole":
            self.open.clear()
        else:
            self.open.set()
        if mode == "drop":
            self.server.close()
            for writer in list(self.writers):
                self.reset(writer)
        elif not self.server.is_serving():
            await self.start()

    @staticmethod
    def reset(writer):
        # A reset, not an orderly end: what a failing network or a dead host gives.
        raw = writer.get_extra_info("socket")
        if raw is not None:
            # One that the other side closed just now is no socket any more.
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async def serve(self, reader, writer):
        self.writers.add(writer)
        upstream = None
        try:
            await self.open.wait()
            there, upstream = await asyncio.open_connection("127.0.0.1", self.target)
            self.writers.add(upstream)
            await asyncio.gather(self.pump(reader, upstream), self.pump(there, writer))
        except OSError:
            self.reset(writer)
        finally:
            for side in (writer, upstream):
                if side is not None:
                    self.writers.discard(side)
                    side.close()

    async def pump(self, reader, writer):
        try:
            while data := await reader.read(65536):
                if self.delay:
                    await asyncio.sleep(self.delay)
                await self.open.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


async def main(pairs):
    links = [Link(*map(int, pair.split(":"))) for pair in pairs]
    for link in links:
        await link.start()
    print("ready", flush=True)
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        index, mode, *rest = line.decode().split()
        await links[int(index)].set(mode, float(rest[0]) / 1000 if rest else 0.0)
        print("done", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
