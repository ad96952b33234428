#!/usr/bin/env bash
# httptools 0.9: of a request that offers another protocol (`Upgrade: h2c`, as Java's HttpClient sends it with its first
# request to a plain address) the body is lost: the request is complete at the end of its head, and the body is read
# as the head of the next request. So uvicorn with httptools answers such a POST as if it had no body, and closes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet "httptools==0.9.0"
cat > show.py <<PY
import httptools

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
OFFER = b"Connection: Upgrade\r\nUpgrade: h2c\r\n"


class Events(list):
    def on_body(self, body):
        self.append(body)

    def on_message_complete(self):
        self.append("complete")


def read(request):
    events = Events()
    try:
        httptools.HttpRequestParser(events).feed_data(request)
    except httptools.HttpParserUpgrade as upgrade:
        events.append(request[upgrade.args[0] :])
    return list(events)


assert read(HEAD + b"\r\nab") == [b"ab", "complete"]
assert read(HEAD + OFFER + b"\r\nab") == ["complete", b"ab"], "the body is read now; see guarded_protocol.py"
print("the body comes behind the end of its request")
PY
venv/bin/python show.py
