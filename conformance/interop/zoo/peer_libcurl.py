"""libcurl by way of curl_cffi, which brings its own; `peer.py` says what a peer does."""

import io
import select
import struct

from curl_cffi import Curl, CurlECode, CurlError, CurlInfo, CurlOpt, CurlWsFlag
from curl_cffi.const import CurlWsOption

from peer import OFFERED, command, run

# libcurl's own pongs leave with the next message that is sent only.
OPTIONS = CurlWsOption.PERMESSAGE_DEFLATE | CurlWsOption.NOAUTOPONG


class Connection:
    def __init__(self, url):
        self.head = io.BytesIO()
        self.curl = Curl()
        self.curl.setopt(CurlOpt.URL, url.encode())
        self.curl.setopt(CurlOpt.PROXY, b"")
        header = f"Sec-WebSocket-Protocol: {', '.join(OFFERED)}"
        self.curl.setopt(CurlOpt.HTTPHEADER, [header.encode()])
        self.curl.setopt(CurlOpt.WS_OPTIONS, OPTIONS)
        self.curl.setopt(CurlOpt.HEADERDATA, self.head)
        self.curl.setopt(CurlOpt.CONNECT_ONLY, 2)

    def connect(self):
        self.curl.perform()
        self.socket = self.curl.getinfo(CurlInfo.ACTIVESOCKET)

    def subprotocol(self):
        for line in self.head.getvalue().decode().splitlines():
            name, _, value = line.partition(": ")
            if name.lower() == "sec-websocket-protocol":
                return value
        return None

    def wait_until(self, attempt, *args):
        """Calls this until the socket is ready for it."""
        while True:
            try:
                return attempt(*args)
            except CurlError as error:
                if error.code != CurlECode.AGAIN:
                    raise
            select.select([self.socket], [self.socket] if args else [], [])

    def recv(self):
        """The kind and the payload of the next message or control frame."""
        payload, kind, fin = b"", 0, False
        while not fin:
            part, frame = self.wait_until(self.curl.ws_recv)
            payload += part
            kind |= frame.flags
            fin = frame.bytesleft == 0 and not frame.flags & CurlWsFlag.CONT
        return kind, payload

    def send(self, payload, kind):
        view = memoryview(payload)
        while True:
            view = view[self.wait_until(self.curl.ws_send, view, kind) :]
            if not view:
                return


def talk(connection):
    """Returns the payload of the close frame that has come."""
    while True:
        kind, payload = connection.recv()
        if kind & CurlWsFlag.TEXT:
            obey(connection, payload.decode())
        elif kind & CurlWsFlag.BINARY:
            connection.send(payload, CurlWsFlag.BINARY)
        elif kind & CurlWsFlag.PING:
            connection.send(payload, CurlWsFlag.PONG)
        elif kind & CurlWsFlag.PONG:
            connection.send(b"pong " + payload, CurlWsFlag.TEXT)
        elif kind & CurlWsFlag.CLOSE:
            return payload


def obey(connection, text):
    match command(text):
        case ["ping", payload]:
            connection.send(payload.encode(), CurlWsFlag.PING)
        case ["close", code, reason]:
            connection.send(struct.pack("!H", code) + reason.encode(), CurlWsFlag.CLOSE)
        case _:
            connection.send(text.encode(), CurlWsFlag.TEXT)


async def client(url):
    connection = Connection(url)
    try:
        connection.connect()
    except CurlError as error:
        if error.code != CurlECode.HTTP_RETURNED_ERROR:
            raise
        return {"refused": connection.curl.getinfo(CurlInfo.RESPONSE_CODE)}
    payload = talk(connection)
    # libcurl leaves the answer to a close frame to the application.
    connection.send(payload, CurlWsFlag.CLOSE)
    (code,) = struct.unpack("!H", payload[:2])
    agreed = connection.subprotocol()
    return {"subprotocol": agreed, "code": code, "reason": payload[2:].decode()}


run("curl_cffi", client)
