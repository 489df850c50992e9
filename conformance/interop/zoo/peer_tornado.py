"""tornado; `peer.py` says what a peer does."""

import asyncio

from tornado.httpclient import HTTPClientError
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application
from tornado.websocket import WebSocketHandler, websocket_connect

from peer import MAX_LEN, OFFERED, command, listening, run, supported

# A client reads `client_no_context_takeover` over, like any parameter without a value, and then
# goes on with a context that the server has thrown away.
CLIENT_LACKS = ["no_context_takeover"]


def obey(ws, message):
    match command(message):
        case ["ping", payload]:
            ws.ping(payload.encode())
        case ["close", code, reason]:
            ws.close(code, reason)
        case _:
            ws.write_message(message, binary=isinstance(message, bytes))


async def client(url):
    try:
        ws = await websocket_connect(
            url, subprotocols=OFFERED, compression_options={}, max_message_size=MAX_LEN
        )
    except HTTPClientError as error:
        return {"refused": error.code}
    ws.on_pong = lambda payload: ws.write_message(f"pong {payload.decode()}")
    agreed = ws.selected_subprotocol
    while (message := await ws.read_message()) is not None:
        obey(ws, message)
    return {"subprotocol": agreed, "code": ws.close_code, "reason": ws.close_reason}


class Talk(WebSocketHandler):
    on_message = obey

    async def prepare(self):
        if self.request.path == "/refused":
            self.set_status(403)
            self.finish()

    def select_subprotocol(self, offered):
        return supported(offered)

    def get_compression_options(self):
        return {}

    def on_pong(self, payload):
        self.write_message(f"pong {payload.decode()}")


async def server():
    sockets = bind_sockets(0, "127.0.0.1")
    app = Application([(".*", Talk)], websocket_max_message_size=MAX_LEN)
    HTTPServer(app).add_sockets(sockets)
    listening("tornado", sockets[0].getsockname()[1])
    await asyncio.Event().wait()


run("tornado", client, server, CLIENT_LACKS)
