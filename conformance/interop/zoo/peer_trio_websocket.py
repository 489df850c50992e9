"""trio-websocket; `peer.py` says what a peer does."""

import trio
from trio_websocket import (
    ConnectionClosed,
    ConnectionRejected,
    open_websocket_url,
    serve_websocket,
)

from peer import MAX_LEN, OFFERED, command, listening, run, supported

LACKS = ["deflate"]


async def talk(ws):
    try:
        while True:
            message = await ws.get_message()
            match command(message):
                case ["ping", payload]:
                    await ws.ping(payload.encode())
                    await ws.send_message(f"pong {payload}")
                case ["close", code, reason]:
                    await ws.aclose(code, reason)
                case _:
                    await ws.send_message(message)
    except ConnectionClosed as end:
        return end.reason


async def client(url):
    try:
        async with open_websocket_url(
            url, subprotocols=OFFERED, max_message_size=MAX_LEN
        ) as ws:
            end = await talk(ws)
    except ConnectionRejected as error:
        return {"refused": error.status_code}
    return {"subprotocol": ws.subprotocol, "code": end.code, "reason": end.reason}


async def handle(request):
    if request.path == "/refused":
        await request.reject(403)
    else:
        agreed = supported(request.proposed_subprotocols)
        await talk(await request.accept(subprotocol=agreed))


async def server():
    async with trio.open_nursery() as nursery:
        listener = await nursery.start(
            lambda task_status: serve_websocket(
                handle,
                "127.0.0.1",
                0,
                None,
                max_message_size=MAX_LEN,
                task_status=task_status,
            )
        )
        listening("trio-websocket", listener.port, LACKS)


run("trio-websocket", client, server, LACKS, run_async=trio.run)
