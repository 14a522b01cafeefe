"""Rehearses: a simulated panel as a real HTTP server. Imports only `core`, so it shares no parsing with the client."""
