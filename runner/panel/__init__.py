"""Makes the forms that panels are sent, and reads their answers. One client for each panel of panels.yaml.

Not here: state, files, and decisions about orders.
Begin at `client.PanelClient`, `forms.add`, `redact.Redactor`.
"""
