"""Reads: campaign and panel files into checked types, every error with its place. No network, no state."""
