"""A declarative runner for paid orders on an HTTP order panel."""

__version__ = "0.1.0"
