"""An HTTP server that gives every request one status."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer


@contextmanager
def answering(status):
    """Its port, and the paths it was asked for."""
    path = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            path.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port, path
        finally:
            server.shutdown()
            thread.join()
