"""How a form gets to the panel: once, on a living connection, at the allowed rate.

Not here: what an answer means.
Begin at `http.HttpTransport`, `connections.CarefulConnector`, `rate_limit.Limiter`.
"""
