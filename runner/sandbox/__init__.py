"""Rehearses: a simulated panel as a real HTTP server.

Not here: code that the client uses to read answers; it imports `core` alone.
Begin at `serve.SandboxServer`, `calls.Calls`, `world.progress`.
"""
