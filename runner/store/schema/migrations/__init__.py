"""The history of the state's schema, run by Alembic. A file here never changes after a release."""
