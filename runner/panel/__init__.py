"""Speaks: forms out, answers in, parsed once by content. Knows nothing of files or state."""
