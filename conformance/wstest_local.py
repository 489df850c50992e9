"""Runs Autobahn|Testsuite on 127.0.0.1 only. Python 2.7, the one version the suite knows.

    wstest_local.py fuzzingserver CASES MAX_GROUP REPORTS
    wstest_local.py fuzzingclient CASES MAX_GROUP REPORTS URL

CASES is a file with one case pattern a line, of which those of groups up to MAX_GROUP are run. The
reports go to the directory REPORTS.

By itself, `wstest` listens on all interfaces, on a port fixed beforehand, and opens a web server on
another. The fuzzing server started here takes a free port of 127.0.0.1 and prints one line,
`listening on ws://127.0.0.1:PORT`; there is no web server.
"""

from __future__ import print_function

import sys

from autobahntestsuite import wstest  # Before the next line: it chooses the reactor.
from twisted.internet import reactor

mode, cases_file, max_group, reports = sys.argv[1:5]

with open(cases_file) as lines:
    patterns = [line.split("#")[0].strip() for line in lines]
cases = [p for p in patterns if p and int(p.split(".")[0]) <= int(max_group)]
spec = {"cases": cases, "outdir": reports}

if mode == "fuzzingserver":
    # Port 0 also turns off the check of the port in the Host header, as nobody knows it yet.
    spec["url"] = "ws://127.0.0.1:0"
    listen = reactor.listenTCP

    def listen_locally(port, factory, backlog=50, interface=""):
        listener = listen(port, factory, backlog, "127.0.0.1")
        print("listening on ws://127.0.0.1:%d" % listener.getHost().port)
        sys.stdout.flush()
        return listener

    reactor.listenTCP = listen_locally
else:
    spec["servers"] = [{"agent": "bowsprit", "url": sys.argv[5]}]

wstest.start({"mode": mode, "webport": 0, "debug": False}, spec)
