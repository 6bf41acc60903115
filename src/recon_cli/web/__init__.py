"""Serve: the jobs over HTTP and WebSocket, and a page for the operator."""
