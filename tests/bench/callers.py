"""Callers of the benchmark of `recon serve`: `python -m tests.bench.callers WORK COUNT` says what it measured."""

from __future__ import annotations

import asyncio
import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import websockets.asyncio.client as aio
from websockets.sync.client import connect

from tests.support import postgres
from tests.support.served import Server, serving
from tests.web.conftest import three
from tests.web.test_records import gate, post, reading

CONNECTIONS = 8
BARE = """
import socket, sys, uvicorn
from fastapi import FastAPI
app = FastAPI()
@app.get("/")
def bare():
    return {"hello": "world"}
sock = socket.socket(proto=socket.IPPROTO_TCP); sock.bind(("127.0.0.1", 0)); sock.listen(1024)
print(sock.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, http="httptools")).run([sock])
"""


def main() -> None:
    """Do the work in a folder of its own."""
    work, count = sys.argv[1], int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        sys.stdout.write(f"{work}: {WORKS[work](Path(folder), count)}\n")


def bare(_folder: Path, count: int) -> str:
    with subprocess.Popen([sys.executable, "-c", BARE], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        try:
            return hammered(port, "/", count)
        finally:
            server.terminate()


def status(folder: Path, count: int) -> str:
    with serving(gate(folder), "--no-worker") as server:
        job = server.send(three()).document["job_id"]
        return hammered(server.port, f"/recon/jobs/{job}/status", count)


def search(folder: Path, count: int) -> str:
    with serving(gate(folder), "--no-worker") as server:
        filled(server, 2000)
        return hammered(server.port, "/records/gate?number=TCNU000777&limit=10", count)


def filled(server: Server, rows: int) -> None:
    for start in range(0, rows, 1000):
        post(server, *(reading(number) for number in range(start, start + 1000)))
    while server.ask("/queue").document["depth"]:
        time.sleep(0.1)


def hammered(port: int, path: str, count: int) -> str:
    """So many requests, a part of them on each of some connections."""

    def call(part: int) -> None:
        line = http.client.HTTPConnection("127.0.0.1", port)
        for _ in range(part):
            line.request("GET", path)
            answer = line.getresponse()
            assert answer.status == 200
            answer.read()
        line.close()

    call(5)
    began = time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(call, [count // CONNECTIONS] * CONNECTIONS))
    return f"{count / (time.perf_counter() - began):.0f} requests/s"


def notice(folder: Path, count: int, target: str, env: dict[str, str], commit: Callable[[int], None] | None) -> str:
    """From commit (of another connection, where there is one; else from the POST) to the notice."""
    with serving(gate(folder, target, **env), "--no-worker") as server:
        with connect(f"ws://127.0.0.1:{server.port}/ws/logs") as socket:
            socket.recv()
            took = []
            for number in range(count):
                began = time.perf_counter()
                commit(number) if commit else post(server, reading(number))
                socket.recv(timeout=60)
                took.append(time.perf_counter() - began)
        return f"median {statistics.median(took) * 1000:.1f} ms, worst {max(took) * 1000:.0f} ms"


def notice_sqlite(folder: Path, count: int) -> str:
    return notice(folder, count, "gate.db", {}, None)


def notice_postgres(folder: Path, count: int) -> str:
    import psycopg  # noqa: PLC0415  only here

    with postgres.running() as cluster, ExitStack() as stack:
        url = cluster.database()
        link = stack.enter_context(psycopg.connect(url, password=cluster.password, autocommit=True))

        def commit(number: int) -> None:
            link.execute(
                "INSERT INTO container_logs (id, captured_at, container_owner, container_number)"
                " VALUES (gen_random_uuid(), now(), 'ABCD', %s)",
                (f"{number:06d}",),
            )

        return notice(folder, count, url, {"RECON_STORES_PASSWORD": cluster.password}, commit)


def sockets(folder: Path, count: int) -> str:
    with serving(gate(folder), "--no-worker") as server:
        post(server, *(reading(number) for number in range(100)))
        return asyncio.run(held(server, count))


async def held(server: Server, count: int) -> str:
    url = f"ws://127.0.0.1:{server.port}/ws/logs"
    first = [await aio.connect(url) for _ in range(5)]
    before = server.memory_mb()
    opened = [await aio.connect(url) for _ in range(count)]
    for one in opened:
        assert json.loads(await one.recv())["type"] == "initial_data"
    grown = server.memory_mb() - before
    await asyncio.gather(*(one.close() for one in (*first, *opened)))
    return f"{grown * 1024 / count:.0f} KiB a socket"


WORKS: dict[str, Callable[[Path, int], str]] = {
    "bare": bare,
    "status": status,
    "search": search,
    "notice-sqlite": notice_sqlite,
    "notice-postgres": notice_postgres,
    "sockets": sockets,
}

if __name__ == "__main__":
    main()
