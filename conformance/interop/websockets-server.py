"""An echo server made with Python's websockets, on a free port of 127.0.0.1.

    websockets-server.py [--deflate[=SETTINGS]] [--keepalive]

It is the same as `ws-server.mjs`, which see, except that `/greet` sends its message right after the
response, not in one write with it. `/count` answers none of the messages that come, and closes with
4002 after 30. With `--keepalive` it sends pings, and cuts a client that does not answer them.
"""

import asyncio
import json
import sys

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory

from websockets_deflate import describe, take_deflate


def refuse(connection, request):
    path, _, target = request.path.partition("?")
    if path == "/redirect":
        response = connection.respond(302, "")
        response.headers["Location"] = target
        return response
    if path != "/refuse":
        return None
    response = connection.respond(401, "go away")
    response.headers["X-Why"] = "test"
    return response


async def handle(connection):
    try:
        await greet(connection)
        async for message in connection:
            if connection.request.path == "/slow":
                await asyncio.sleep(0.3)
            await connection.send(message)
    except ConnectionClosed as error:
        print(error, file=sys.stderr)


async def greet(connection):
    match connection.request.path:
        case path if path.startswith("/close-"):
            await connection.close(int(path.removeprefix("/close-")), "bye")
        case "/count":
            for _ in range(30):
                await connection.recv()
            await connection.close(4002, "enough")
        case "/cut":
            connection.transport.abort()
        case "/feed":
            for text in "123":
                await asyncio.sleep(0.1)
                await connection.send(text)
            await connection.close(1001)
        case "/greet":
            await connection.send("hello")
        case "/deflate":
            await connection.send(describe(connection, is_client=False))
        case "/headers":
            headers = connection.request.headers.raw_items()
            await connection.send(json.dumps({name.lower(): value for name, value in headers}))
        case "/ping":
            payload = "are you there"
            pong = await connection.ping(payload)
            # Done by a pong with this payload only.
            await pong
            await connection.send(f"pong:{payload}")


async def main():
    deflate, args = take_deflate(sys.argv, ServerPerMessageDeflateFactory)
    keepalive = 1 if "--keepalive" in args else None
    server = await serve(
        handle,
        "127.0.0.1",
        0,
        **deflate,
        process_request=refuse,
        subprotocols=["chat.v1"],
        # By default, a client that offers none is refused.
        select_subprotocol=lambda _, offered: "chat.v1" if "chat.v1" in offered else None,
        max_size=None,
        ping_interval=keepalive,
        ping_timeout=keepalive,
    )
    print(f"listening on ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


asyncio.run(main())
