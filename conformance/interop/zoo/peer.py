"""What the Python peers of the zoo have in common.

    peer_NAME.py client URL...    connects to each URL in turn
    peer_NAME.py server           listens on a free port of 127.0.0.1

In both roles a peer sends every message back as it came, unless it is a text that asks for
something:

    /ping PAYLOAD         the peer sends a ping, and `pong PAYLOAD` once that has been answered
    /close CODE REASON    the peer closes the connection

A client offers the subprotocols `chat.v9` and `chat.v1`, a server picks `chat.v1`; both use
permessage-deflate with whoever else does, if their library can. A server refuses the path
`/refused` with status 403.

The first line that a peer prints is JSON: its `peer`, name and version; what its library `lacks` of
`subprotocol`, `deflate`, `no_context_takeover` (doing without if that was agreed on), `ping`
(sending pings), `refusal` (a server's) and `status` (telling that of a refusal); a server's `url`.
A client then prints a line for each connection that has ended: its `subprotocol` (null without),
and the `code` and `reason` with which it was closed; or `refused`, the status of the refusal (null
if the library does not tell).
"""

import asyncio
import json
import sys
from importlib.metadata import version

OFFERED = ["chat.v9", "chat.v1"]
SUPPORTED = "chat.v1"
MAX_LEN = 4 << 20


def supported(offered):
    return SUPPORTED if SUPPORTED in (offered or []) else None


def command(message):
    """`["ping", PAYLOAD]`, `["close", CODE, REASON]`, or `[]` if this asks for nothing."""
    if not isinstance(message, str):
        return []
    verb, _, rest = message.partition(" ")
    if verb == "/ping":
        return ["ping", rest]
    if verb == "/close":
        code, _, reason = rest.partition(" ")
        return ["close", int(code), reason]
    return []


def say(**line):
    print(json.dumps(line), flush=True)


def hello(name, lacks=(), **more):
    say(peer=f"{name} {version(name)}", lacks=list(lacks), **more)


def listening(name, port, lacks=()):
    hello(name, lacks, url=f"ws://127.0.0.1:{port}")


def port_of(server):
    return server.sockets[0].getsockname()[1]


def run_asyncio(main):
    asyncio.run(main())


def run(name, client, server=None, lacks=(), run_async=run_asyncio):
    """Plays the role that the command line names, with a coroutine function for each."""
    role, *urls = sys.argv[1:]
    if role == "server":
        run_async(server)
        return

    async def connect_to_each():
        hello(name, lacks)
        for url in urls:
            say(**await client(url))

    run_async(connect_to_each)
