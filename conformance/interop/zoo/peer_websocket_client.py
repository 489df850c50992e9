"""websocket-client; `peer.py` says what a peer does."""

import struct

from websocket import ABNF, WebSocketBadStatusException, create_connection

from peer import OFFERED, command, run

LACKS = ["deflate"]


def talk(ws):
    """Returns the payload of the close frame that has come."""
    while True:
        opcode, payload = ws.recv_data(control_frame=True)
        match opcode:
            case ABNF.OPCODE_TEXT:
                obey(ws, payload.decode())
            case ABNF.OPCODE_BINARY:
                ws.send_binary(payload)
            case ABNF.OPCODE_PONG:
                ws.send_text(f"pong {payload.decode()}")
            case ABNF.OPCODE_CLOSE:
                return payload


def obey(ws, text):
    match command(text):
        case ["ping", payload]:
            ws.ping(payload)
        case ["close", code, reason]:
            ws.send_close(code, reason.encode())
        case _:
            ws.send_text(text)


async def client(url):
    try:
        ws = create_connection(url, subprotocols=OFFERED)
    except WebSocketBadStatusException as error:
        return {"refused": error.status_code}
    payload = talk(ws)
    ws.shutdown()
    (code,) = struct.unpack("!H", payload[:2])
    return {"subprotocol": ws.getsubprotocol(), "code": code, "reason": payload[2:].decode()}


run("websocket-client", client, lacks=LACKS)
