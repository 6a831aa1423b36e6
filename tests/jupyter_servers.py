"""What a learner types into a running JupyterLab, over the sockets that the page uses: cells and terminal lines."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import PurePosixPath
from typing import Any
from uuid import uuid4

import httpx
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

PATIENCE = 300.0  # seconds; an answer takes less than ten


def run_cells(client: httpx.Client, notebook: str, *cells: str) -> list[list[Any]]:
    """Run cells in a kernel that opens with a notebook; the outputs of each, as nbformat has them."""
    asked = {"path": notebook, "name": PurePosixPath(notebook).name, "type": "notebook"}
    session = client.post("/api/sessions", json=asked | {"kernel": {"name": "python3"}})
    made = session.raise_for_status().json()
    request = _request(client, f"/api/kernels/{made['kernel']['id']}/channels")
    outputs = asyncio.run(_run_cells(request, cells))
    client.delete(f"/api/sessions/{made['id']}").raise_for_status()
    return outputs


def run_in_terminal(client: httpx.Client, line: str, *, until: str, folder: str = "") -> str:
    """Type a line into a new terminal; all that it shows until the text `until` has come."""
    terminal = client.post("/api/terminals", json={"cwd": folder} if folder else {})
    name = terminal.raise_for_status().json()["name"]
    return asyncio.run(_run_in_terminal(_request(client, f"/terminals/websocket/{name}"), line, until))


def _request(client: httpx.Client, path: str) -> HTTPRequest:
    """The token goes into a header: a hub's servers take none out of an address."""
    address = f"{str(client.base_url).rstrip('/').replace('http', 'ws', 1)}{path}"
    return HTTPRequest(address, headers={"Authorization": client.headers["Authorization"]})


async def _run_cells(request: HTTPRequest, cells: tuple[str, ...]) -> list[list[Any]]:
    async with _connected(request) as socket:
        return [await _run_cell(socket, cell) for cell in cells]


async def _run_cell(socket: WebSocketClientConnection, cell: str) -> list[Any]:
    header = {
        "msg_id": uuid4().hex,
        "msg_type": "execute_request",
        "session": "s",
        "username": "",
        "version": "5.3",
    }
    content = {"code": cell, "silent": False, "store_history": True, "allow_stdin": False}
    asked = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    await socket.write_message(json.dumps(asked | {"buffers": []}))
    outputs = []
    async with asyncio.timeout(PATIENCE):
        while True:
            message = json.loads(await socket.read_message() or "")
            if message["parent_header"].get("msg_id") != header["msg_id"]:
                continue
            if message["msg_type"] in ("stream", "error", "display_data", "execute_result"):
                outputs.append(message["content"] | {"output_type": message["msg_type"]})
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return outputs


async def _run_in_terminal(request: HTTPRequest, line: str, until: str) -> str:
    shown = ""
    async with asyncio.timeout(PATIENCE), _connected(request) as socket:
        await socket.write_message(json.dumps(["stdin", f"{line}\r"]))
        while until not in shown:
            kind, *text = json.loads(await socket.read_message() or "")
            shown += text[0] if kind == "stdout" else ""
    return shown


@asynccontextmanager
async def _connected(request: HTTPRequest) -> AsyncIterator[WebSocketClientConnection]:
    """A socket that is closed on both sides when the block has ended."""
    socket = await websocket_connect(request)
    try:
        yield socket
    finally:
        socket.close()
        while await socket.read_message() is not None:
            pass  # what the server sent before it heard of the end
