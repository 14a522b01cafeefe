"""Where the state lies and who may touch it: paths, file systems, locks, the files themselves.

Not here: what the files hold.
Begin at `paths.StatePaths`, `lock.acquire`, `location_checks.refuse_unsafe_place`.
"""
