"""Hypothesis profiles: `dev` looks for new cases each time; `ci` tries the same ones, so that a red gate is repeatable."""

import os

from hypothesis import HealthCheck, settings

# A busy machine is no finding: neither a slow example nor a slow generator fails a test.
settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")
