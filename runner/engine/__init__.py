"""Does: one reconcile pass, through ports, on one event loop. Decides nothing that planning can decide."""
