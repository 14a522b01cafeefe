"""Reads campaigns, panels and lists of orders into checked types, and tells every error with its place.

Not here: network, state, prices.
Begin at `campaigns.load_campaigns`, `panels.load_panels`.
"""
