"""As much of a Qdrant server as a backup asks: collections with metadata, an alias, snapshots over HTTP.

Made after Qdrant's API description; test_real_server.py asks one. A snapshot is the collection as JSON.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.local_server import serving

KEY = "secret"


class Qdrant:
    """The state of the server; `fails` maps a step to what goes wrong there."""

    def __init__(self) -> None:
        self.collections: dict[str, dict[str, Any]] = {}
        self.aliases: dict[str, str] = {}
        self.snapshots: dict[tuple[str, str], bytes] = {}
        self.peers = 1
        self.damages_snapshots = False
        self.refuses_uploads = False
        self.made = 0

    def state(self) -> Any:
        """All of it, to compare with."""
        return json.loads(json.dumps([self.collections, self.aliases]))


@contextmanager
def running(qdrant: Qdrant) -> Iterator[str]:
    """The address of a server with this state."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            path = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]
            if self.headers.get("api-key") != KEY:
                self.answer(403, b"forbidden")
                return
            status, content = respond(qdrant, self.command, path, self.headers, body)
            self.answer(status, content)

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do  # noqa: N815 - http.server's names

        def answer(self, status: int, content: Any) -> None:
            raw = content if isinstance(content, bytes) else json.dumps(
                content if isinstance(content, dict) and "title" in content
                else {"result": content, "status": "ok", "time": 0.0}
            ).encode()  # fmt: skip
            self.send_response(status)
            kind = "application/octet-stream" if isinstance(content, bytes) else "application/json"
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *arguments: object) -> None:
            """Keep quiet."""

    with serving(Handler) as port:
        yield f"http://127.0.0.1:{port}"


def respond(qdrant: Qdrant, method: str, path: list[str], headers: Any, body: bytes) -> tuple[int, Any]:
    """What the server answers."""
    match [method, *path]:
        case ["GET", ""]:
            return 200, {"title": "qdrant", "version": "1.17.0"}
        case ["GET", "cluster"]:
            peers = {str(n): {"uri": f"http://node-{n}"} for n in range(qdrant.peers)}
            if qdrant.peers == 1:
                return 200, {"status": "disabled"}
            raft = {"term": 1, "commit": 1, "pending_operations": 0, "is_voter": True}
            return 200, {
                "status": "enabled", "peer_id": 0, "peers": peers, "raft_info": raft,
                "consensus_thread_status": {"consensus_thread_status": "stopped"},
                "message_send_failures": {},
            }  # fmt: skip
        case ["GET", "collections"]:
            return 200, {"collections": [{"name": name} for name in qdrant.collections]}
        case ["GET", "aliases"]:
            pairs = qdrant.aliases.items()
            return 200, {"aliases": [{"alias_name": a, "collection_name": c} for a, c in pairs]}
        case ["POST", "collections", "aliases"]:
            for action in json.loads(body)["actions"]:
                if creation := action.get("create_alias"):
                    qdrant.aliases[creation["alias_name"]] = creation["collection_name"]
                else:
                    qdrant.aliases.pop(action["delete_alias"]["alias_name"])
            return 200, True
        case ["GET", "collections", name, "exists"]:
            return 200, {"exists": name in qdrant.collections}
        case ["POST", "collections", name, "snapshots", "upload"]:
            return recover(qdrant, name, headers, body)
        case [_, "collections", name, *_] if name not in qdrant.collections:
            return 404, b'{"status": {"error": "Not found"}}'
        case ["GET", "collections", name]:
            return 200, described(qdrant.collections[name])
        case ["POST", "collections", name, "points", "count"]:
            return 200, {"count": len(qdrant.collections[name]["points"])}
        case ["POST", "collections", name, "snapshots"]:
            content = json.dumps(qdrant.collections[name]).encode() * 2000
            qdrant.made += 1
            snapshot = f"{name} {qdrant.made}.snapshot"
            qdrant.snapshots[name, snapshot] = content
            digest = hashlib.sha256(content).hexdigest()
            return 200, {"name": snapshot, "size": len(content), "checksum": digest}
        case ["GET", "collections", name, "snapshots", snapshot]:
            content = qdrant.snapshots[name, snapshot]
            return 200, content[:-1] + b"x" if qdrant.damages_snapshots else content
        case ["DELETE", "collections", name, "snapshots", snapshot]:
            del qdrant.snapshots[name, snapshot]
            return 200, True
    raise AssertionError((method, path))


def recover(qdrant: Qdrant, name: str, headers: Any, body: bytes) -> tuple[int, Any]:
    """Take an uploaded snapshot in."""
    if qdrant.refuses_uploads:
        return 500, b'{"status": {"error": "Service internal error: No space left on device"}}'
    head = f"content-type: {headers['content-type']}\r\n\r\n".encode()
    (part,) = BytesParser().parsebytes(head + body).get_payload()
    assert part.get_param("name", header="content-disposition") == "snapshot"
    content = part.get_payload(decode=True)
    qdrant.collections[name] = json.loads(content[: len(content) // 2000])
    return 200, True


def described(collection: dict[str, Any]) -> dict[str, Any]:
    """A collection as the server describes it."""
    return {
        "status": "green", "optimizer_status": "ok", "points_count": len(collection["points"]),
        "segments_count": 1, "payload_schema": {}, "indexed_vectors_count": 0,
        "config": {
            "params": {"vectors": {}}, "metadata": collection["metadata"],
            "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10},
            "optimizer_config": {
                "deleted_threshold": 0.2, "vacuum_min_vector_number": 1000, "default_segment_number": 0,
                "flush_interval_sec": 5,
            },
        },
    }  # fmt: skip
