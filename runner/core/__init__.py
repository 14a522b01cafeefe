"""The words of the domain. Imports nothing else of the runner, does no I/O."""
