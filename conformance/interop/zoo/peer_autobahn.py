"""autobahn on asyncio; `peer.py` says what a peer does."""

import asyncio
import re

from autobahn.asyncio.websocket import (
    WebSocketClientFactory,
    WebSocketClientProtocol,
    WebSocketServerFactory,
    WebSocketServerProtocol,
)
from autobahn.websocket.compress import (
    PerMessageDeflateOffer,
    PerMessageDeflateOfferAccept,
    PerMessageDeflateResponseAccept,
)
from autobahn.websocket.types import ConnectionDeny

from peer import OFFERED, command, listening, port_of, run, supported


class Talk:
    def onMessage(self, payload, is_binary):
        match command(payload if is_binary else payload.decode()):
            case ["ping", payload]:
                self.sendPing(payload.encode())
            case ["close", code, reason]:
                self.sendClose(code, reason)
            case _:
                self.sendMessage(payload, is_binary)

    def onPong(self, payload):
        self.sendMessage(b"pong " + payload)


class Client(Talk, WebSocketClientProtocol):
    subprotocol = None

    def onConnect(self, response):
        self.subprotocol = response.protocol

    def onClose(self, was_clean, code, reason):
        # What was wrong with a handshake, it tells in words only.
        refused = re.search(r"upgrade failed \[(\d+)", reason or "")
        if refused:
            end = {"refused": int(refused[1])}
        else:
            end = {"subprotocol": self.subprotocol, "code": code, "reason": reason}
        self.factory.ended.set_result(end)


class Server(Talk, WebSocketServerProtocol):
    def onConnect(self, request):
        if request.path == "/refused":
            raise ConnectionDeny(403)
        return supported(request.protocols)


async def client(url):
    loop = asyncio.get_running_loop()
    factory = WebSocketClientFactory(url, protocols=OFFERED, loop=loop)
    factory.protocol = Client
    factory.ended = loop.create_future()
    factory.setProtocolOptions(
        perMessageCompressionOffers=[PerMessageDeflateOffer()],
        perMessageCompressionAccept=PerMessageDeflateResponseAccept,
    )
    await loop.create_connection(factory, factory.host, factory.port)
    return await factory.ended


async def server():
    loop = asyncio.get_running_loop()
    factory = WebSocketServerFactory(loop=loop)
    factory.protocol = Server
    factory.setProtocolOptions(
        perMessageCompressionAccept=lambda offers: PerMessageDeflateOfferAccept(offers[0])
    )
    listener = await loop.create_server(factory, "127.0.0.1", 0)
    listening("autobahn", port_of(listener))
    await listener.serve_forever()


run("autobahn", client, server)
