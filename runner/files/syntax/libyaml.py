"""Imports the fast half of PyYAML, which some installations lack."""

from runner.core.errors import RunnerError

try:
    from yaml import CSafeLoader
except ImportError:
    raise RunnerError(
        "PyYAML is installed without libyaml, which reads the campaign files",
        "install its binary wheel: pip install --force-reinstall --only-binary :all: pyyaml",
    ) from None

__all__ = ["CSafeLoader"]
