"""The floor under every YAML reader of ours: libyaml's events, pulled and thrown away. Usage: FILE; prints {wall}."""

import json
import sys
import time
from pathlib import Path

import yaml


def pull(path: Path) -> None:
    """Every event of the file."""
    with path.open("rb") as file:
        loader = yaml.CSafeLoader(file)
        try:
            while loader.get_event() is not None:  # as a reader of ours must: one call an event
                pass
        finally:
            loader.dispose()


if __name__ == "__main__":
    started = time.perf_counter()
    pull(Path(sys.argv[1]))
    print(json.dumps({"wall": time.perf_counter() - started}))
