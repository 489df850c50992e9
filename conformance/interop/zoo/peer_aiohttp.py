"""aiohttp; `peer.py` says what a peer does."""

import asyncio

from aiohttp import ClientSession, WSMsgType, WSServerHandshakeError, web

from peer import MAX_LEN, OFFERED, SUPPORTED, command, listening, run


async def talk(ws):
    """Returns the message that has ended the connection."""
    while True:
        message = await ws.receive()
        match message.type:
            case WSMsgType.PING:
                await ws.pong(message.data)
            case WSMsgType.PONG:
                await ws.send_str(f"pong {message.data.decode()}")
            case WSMsgType.TEXT:
                await obey(ws, message.data)
            case WSMsgType.BINARY:
                await ws.send_bytes(message.data)
            case _:
                return message


async def obey(ws, text):
    match command(text):
        case ["ping", payload]:
            await ws.ping(payload.encode())
        case ["close", code, reason]:
            await ws.close(code=code, message=reason.encode())
        case _:
            await ws.send_str(text)


async def client(url):
    # With `autoping`, nobody sees the pongs.
    options = {"protocols": OFFERED, "compress": 15, "max_msg_size": MAX_LEN, "autoping": False}
    async with ClientSession() as session:
        try:
            async with session.ws_connect(url, **options) as ws:
                end = await talk(ws)
                return {"subprotocol": ws.protocol, "code": ws.close_code, "reason": end.extra}
        except WSServerHandshakeError as error:
            return {"refused": error.status}


async def handle(request):
    if request.path == "/refused":
        return web.Response(status=403)
    ws = web.WebSocketResponse(protocols=[SUPPORTED], max_msg_size=MAX_LEN, autoping=False)
    await ws.prepare(request)
    await talk(ws)
    return ws


async def server():
    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    listening("aiohttp", runner.addresses[0][1])
    await asyncio.Event().wait()


run("aiohttp", client, server)
