"""A chat endpoint on loopback whose every answer a test writes: words, errors, garbage, drips of bytes."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from vlclip.engine.refinement.prompt import prompts

STOP = '{"verdict": "stop", "critique": ""}'


@dataclass(frozen=True)
class Raw:
    """An answer as it goes over the wire; `drip_s` is the pause between its bytes."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    after_s: float = 0.0
    drip_s: float = 0.0


@dataclass(frozen=True)
class ReceivedChat:
    """A request as it came."""

    role: str
    body: dict[str, Any]
    authorization: str

    @property
    def text(self) -> str:
        """The words of the user's message."""
        content = self.body["messages"][1]["content"]
        return content if isinstance(content, str) else content[0]["text"]

    def data(self, name: str) -> Any:
        """What stands between `<name>` and `</name>`."""
        return json.loads(self.text.partition(f"<{name}>\n")[2].partition(f"\n</{name}>")[0])

    @property
    def sees(self) -> bool:
        """Whether a photo came along."""
        return not isinstance(self.body["messages"][1]["content"], str)


Answer = str | Raw
Script = Callable[[ReceivedChat], Answer]


def completion(text: object, finish: str = "stop") -> bytes:
    """A chat completion that says this and cost 100 + 10 tokens."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    return json.dumps({"id": "x", "object": "chat.completion", "choices": [choice], "usage": usage}).encode()


class Scripted:
    """A running endpoint: `url`, and every request it got in `chats`."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.chats: list[ReceivedChat] = []
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # the client has gone: what the test wanted
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def roles(self) -> list[str]:
        """The roles of all requests, in order."""
        return [chat.role for chat in self.chats]


@contextmanager
def scripted(script: Script) -> Iterator[Scripted]:
    """An endpoint that answers by this script while the block runs."""
    endpoint = Scripted(script)
    thread = threading.Thread(target=endpoint.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        endpoint.server.shutdown()
        endpoint.server.server_close()
        thread.join()


def by_role(summarizer: Answer, evaluator: Answer = STOP, refiner: Answer | None = None) -> Script:
    """A script with one answer for each role."""
    answers = {
        "summarizer": summarizer,
        "evaluator": evaluator,
        "refiner": summarizer if refiner is None else refiner,
    }
    return lambda chat: answers[chat.role]


def _handler(endpoint: Scripted) -> type[BaseHTTPRequestHandler]:
    roles = {prompt.text: role for role, prompt in prompts().items()}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65_536  # head and body in one packet

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            chat = ReceivedChat(roles[body["messages"][0]["content"]], body, self.headers["Authorization"])
            with endpoint.lock:
                endpoint.chats.append(chat)
                endpoint.at_once += 1
                endpoint.most_at_once = max(endpoint.most_at_once, endpoint.at_once)
            try:
                answer = endpoint.script(chat)
                self.send(answer if isinstance(answer, Raw) else Raw(body=completion(answer)))
            finally:
                with endpoint.lock:
                    endpoint.at_once -= 1

        def send(self, raw: Raw) -> None:
            time.sleep(raw.after_s)
            self.send_response(raw.status)
            for name, value in {"Content-Type": "application/json", **raw.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(raw.body)))
            self.end_headers()
            step = 1 if raw.drip_s else max(1, len(raw.body))
            for start in range(0, len(raw.body), step):
                self.wfile.write(raw.body[start : start + step])
                self.wfile.flush()
                time.sleep(raw.drip_s)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
