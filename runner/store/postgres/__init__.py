"""A state in PostgreSQL, shared by several machines: one schema for each project, one lease for each account at a panel.

Not here: statements that both back ends share (`store/operations`, `store/read`), and files beside a database.
Begin at `address.parse`, `server.refuse_unsafe`, `leases.Leases`.
"""
