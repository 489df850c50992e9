"""picows; `peer.py` says what a peer does."""

from picows import (
    WSHandshakeError,
    WSListener,
    WSMsgType,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_connect,
    ws_create_server,
)

from peer import MAX_LEN, OFFERED, command, listening, port_of, run, supported

LACKS = ["deflate"]
HEADER = "Sec-WebSocket-Protocol"


class Talk(WSListener):
    def on_ws_frame(self, transport, frame):
        assert frame.fin, "no test sends fragments"
        match frame.msg_type:
            case WSMsgType.TEXT:
                self.obey(transport, frame.get_payload_as_utf8_text())
            case WSMsgType.BINARY:
                transport.send(WSMsgType.BINARY, frame.get_payload_as_bytes())
            case WSMsgType.PONG:
                transport.send(WSMsgType.TEXT, b"pong " + frame.get_payload_as_bytes())
            case WSMsgType.CLOSE:
                self.code, self.reason = frame.get_close_code(), frame.get_close_message()
                transport.send_close(self.code, self.reason)
                transport.disconnect()

    def obey(self, transport, text):
        match command(text):
            case ["ping", payload]:
                transport.send_ping(payload.encode())
            case ["close", code, reason]:
                transport.send_close(code, reason.encode())
            case _:
                transport.send(WSMsgType.TEXT, text.encode())


async def client(url):
    try:
        transport, talk = await ws_connect(
            Talk, url, extra_headers={HEADER: ", ".join(OFFERED)}, max_frame_size=MAX_LEN
        )
    except WSHandshakeError as error:
        return {"refused": int(error.response.status)}
    await transport.wait_disconnected()
    return {
        "subprotocol": transport.response.headers.get(HEADER),
        "code": int(talk.code),
        "reason": bytes(talk.reason or b"").decode(),
    }


def accept(request):
    if request.path == b"/refused":
        return WSUpgradeResponseWithListener(
            WSUpgradeResponse.create_error_response(403, b""), None
        )
    offered = [name.strip() for name in request.headers.get(HEADER, "").split(",")]
    agreed = supported(offered)
    headers = {HEADER: agreed} if agreed else {}
    response = WSUpgradeResponse.create_101_response(headers)
    return WSUpgradeResponseWithListener(response, Talk())


async def server():
    listener = await ws_create_server(accept, "127.0.0.1", 0, max_frame_size=MAX_LEN)
    listening("picows", port_of(listener), LACKS)
    await listener.serve_forever()


run("picows", client, server, LACKS)
