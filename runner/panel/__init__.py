"""Speaks: forms out, answers in. One client for each panel of panels.yaml.

Not here: state, files, and decisions about orders.
Begin at `client.PanelClient`, `forms.add`, `redact.Redactor`.
"""
