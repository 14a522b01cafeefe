"""Decides: pure functions of campaigns, recorded state, catalogue, balance and now. No I/O, no clock."""
