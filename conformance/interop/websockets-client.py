"""A client made with Python's websockets that puts an echo server to the test.

    websockets-client.py URL SCENARIO [ARGS] [--deflate]

It is the same as `ws-client.mjs`, which see, without the scenario `version8`.
"""

import asyncio
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

SIZES = [0, 1, 125, 126, 127, 65535, 65536, 1 << 20]


class Differed(Exception):
    """Something is not as it was expected."""


def expect(condition, what):
    if not condition:
        raise Differed(what)


def make_text(size):
    """A text of so many bytes, with characters of one to four bytes."""
    return "aé€😀" * (size // 10) + "x" * (size % 10)


def make_binary(size):
    """So many bytes that do not repeat soon, so that none can get lost or doubled unseen."""
    return bytes((i * 31 + (i >> 8)) & 0xFF for i in range(size))


class Client:
    def __init__(self, url, deflate):
        self.url = url
        self.deflate = deflate

    def connect(self, **options):
        return connect(
            self.url,
            compression="deflate" if self.deflate else None,
            # None of what the environment says.
            proxy=None,
            max_size=None,
            ping_interval=None,
            **options,
        )

    async def open(self, **options):
        peer = await self.connect(**options)
        agreed = peer.protocol.extensions
        expect(agreed or not self.deflate, "permessage-deflate was not agreed on")
        return peer

    async def finish(self, peer):
        """Whatever is still on its way comes before the answer to the close."""
        await peer.close(1000)
        expect(peer.close_code == 1000, f"closed with 1000, {peer.close_code} came back")
        try:
            await peer.recv()
        except ConnectionClosed:
            return
        raise Differed("there was one message too many")

    async def echo(self):
        peer = await self.open()
        for size in SIZES:
            for message in [make_text(size), make_binary(size)]:
                await peer.send(message)
                await expect_message(peer, message, f"{type(message).__name__} of {size} bytes")
        await self.finish(peer)

    async def fragments(self):
        peer = await self.open()
        message = make_text(1000)
        encoded = message.encode()
        pongs = []

        async def parts():
            # One part is empty, and the cuts are inside of characters. A fifth, empty one is added
            # by `send`.
            yield encoded[:2]
            yield encoded[2:5]
            pongs.append(await peer.ping("between"))
            yield b""
            yield encoded[5:]

        await peer.send(parts(), text=True)
        await pongs[0]
        await expect_message(peer, message, "text in fragments")
        await self.finish(peer)

    async def burst(self):
        peer = await self.open()

        async def send():
            for i in range(10_000):
                await peer.send(f"message {i}")

        async def receive():
            for i in range(10_000):
                await expect_message(peer, f"message {i}", f"message {i}")

        await asyncio.gather(send(), receive())
        await self.finish(peer)

    async def ping(self):
        peer = await self.open()
        for payload in [b"", make_binary(125)]:
            # Done by a pong with this payload only.
            await (await peer.ping(payload))
        await self.finish(peer)

    async def subprotocol(self, *names):
        peer = await self.open(subprotocols=names)
        print(f"subprotocol {peer.subprotocol or ''}")
        await self.finish(peer)

    async def refused(self):
        try:
            await self.connect()
        except InvalidStatus as error:
            print(f"status {error.response.status_code}")
            print(f"body {error.response.body.decode()}")
            return
        raise Differed("the handshake was not refused")

    async def close(self, code=None, reason=""):
        peer = await self.open()
        if code:
            await peer.close(int(code), reason)
        else:
            await peer.wait_closed()
        print(f"close {peer.close_code} {peer.close_reason}")
        expect(peer.close_code != 1006, "the connection ended without a close frame")


async def expect_message(peer, expected, what):
    message = await peer.recv()
    expect(type(message) is type(expected), f"{what}: came back as {type(message).__name__}")
    expect(message == expected, f"{what}: came back different: length {len(message)}")


async def main():
    args = [arg for arg in sys.argv[1:] if arg != "--deflate"]
    url, scenario, *rest = args
    client = Client(url, deflate="--deflate" in sys.argv)
    scenarios = {
        "echo": client.echo,
        "fragments": client.fragments,
        "burst": client.burst,
        "ping": client.ping,
        "subprotocol": client.subprotocol,
        "refused": client.refused,
        "close": client.close,
    }
    expect(scenario in scenarios, f"no scenario {scenario}")
    try:
        async with asyncio.timeout(30):
            await scenarios[scenario](*rest)
    except TimeoutError:
        raise Differed("not done after 30 s") from None


try:
    asyncio.run(main())
except Exception as error:
    print(f"{type(error).__name__}: {error}")
    sys.exit(1)
print("ok")
