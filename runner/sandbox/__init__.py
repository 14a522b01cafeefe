"""A simulated panel, to rehearse with: a real HTTP server.

Not here: code that the client uses to read answers; it imports `core` alone.
Begin at `serve.SandboxServer`, `calls.Calls`, `world.progress`.
"""
