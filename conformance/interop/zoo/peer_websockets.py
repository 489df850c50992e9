"""websockets; `peer.py` says what a peer does."""

import http

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

from peer import MAX_LEN, OFFERED, command, listening, port_of, run, supported


async def talk(ws):
    try:
        async for message in ws:
            match command(message):
                case ["ping", payload]:
                    await (await ws.ping(payload))
                    await ws.send(f"pong {payload}")
                case ["close", code, reason]:
                    await ws.close(code, reason)
                case _:
                    await ws.send(message)
    except ConnectionClosed:
        pass


async def client(url):
    try:
        async with connect(url, subprotocols=OFFERED, max_size=MAX_LEN) as ws:
            await talk(ws)
    except InvalidStatus as error:
        return {"refused": error.response.status_code}
    return {"subprotocol": ws.subprotocol, "code": ws.close_code, "reason": ws.close_reason}


def refuse(ws, request):
    return ws.respond(http.HTTPStatus.FORBIDDEN, "") if request.path == "/refused" else None


async def server():
    listener = await serve(
        talk,
        "127.0.0.1",
        0,
        process_request=refuse,
        select_subprotocol=lambda _, offered: supported(offered),
        max_size=MAX_LEN,
    )
    listening("websockets", port_of(listener))
    await listener.serve_forever()


run("websockets", client, server)
