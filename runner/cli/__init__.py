"""Asks: one module per command group; parses options, calls, prints. Heavy imports live inside the commands."""
