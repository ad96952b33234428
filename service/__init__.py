"""The way in: HTTP API, command line, the demo."""
