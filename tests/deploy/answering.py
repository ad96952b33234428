"""An HTTP server that gives every request one status."""

from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

from tests.local_server import serving


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

    with serving(Handler) as port:
        yield port, path
