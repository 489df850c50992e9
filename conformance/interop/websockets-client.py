"""A client made with Python's websockets that puts an echo server to the test.

    websockets-client.py URL SCENARIO [ARGS] [--deflate[=SETTINGS]]

It is the same as `ws-client.mjs`, which see, without the scenario `version8`, and with `keepalive`: it receives 30 messages, sends
none, and cuts a server that does not answer its pings.
"""

import asyncio
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from websockets_deflate import describe, take_deflate

SIZES = [0, 1, 125, 126, 127, 65535, 65536, 1 << 20]

# And how many times.
DEFLATE_SIZES = [(2048, 16), (65536, 2), (1 << 20, 1)]


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


def make_json(size):
    """A text of so many bytes that gets shorter by compression."""
    items = (
        f'{{"id":{i},"name":"user {i * 7919 % 1000}","tags":["a","b"],"active":true}},'
        for i in range(size // 40 + 1)
    )
    return "".join(items)[:size]


async def make_parts(message, count):
    for i in range(count):
        yield message[len(message) * i // count : len(message) * (i + 1) // count]


class Client:
    def __init__(self, url, deflate):
        self.url = url
        self.deflate = deflate

    def connect(self, **options):
        return connect(
            self.url,
            **self.deflate,
            # None of what the environment says.
            proxy=None,
            max_size=None,
            **{"ping_interval": None, **options},
        )

    async def open(self, **options):
        peer = await self.connect(**options)
        wanted = self.deflate != {"compression": None}
        expect(peer.protocol.extensions or not wanted, "permessage-deflate was not agreed on")
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

    async def compressed(self):
        peer = await self.connect()
        print(f"agreed {describe(peer, is_client=True)}")
        print(f"told {await peer.recv()}")
        for size, times in DEFLATE_SIZES:
            for i in range(times):
                await peer.send(make_json(size))
                await expect_message(peer, make_json(size), f"text {i} of {size} bytes")
        await peer.send(make_binary(5000))
        await expect_message(peer, make_binary(5000), "binary")
        for message in [make_json(100_000), make_binary(3000)]:
            await peer.send(make_parts(message, 7))
            await expect_message(peer, message, "message in fragments")
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

    async def keepalive(self):
        peer = await self.open(ping_interval=1, ping_timeout=1)
        for _ in range(30):
            await expect_message(peer, "tick", "tick")
        await peer.close(1000)
        expect(peer.close_code == 1000, f"{peer.close_code} came back for the close")

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
    deflate, args = take_deflate(sys.argv[1:], ClientPerMessageDeflateFactory)
    url, scenario, *rest = args
    client = Client(url, deflate)
    scenarios = {
        "echo": client.echo,
        "fragments": client.fragments,
        "burst": client.burst,
        "deflate": client.compressed,
        "ping": client.ping,
        "subprotocol": client.subprotocol,
        "refused": client.refused,
        "close": client.close,
        "keepalive": client.keepalive,
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
