import pytest

from tests.acceptance.conftest import Serve, serve  # noqa: F401  # fixtures
from tests.ci.forge import forge as running_forge
from tests.postgres.fixtures import cluster, project  # noqa: F401  # fixtures


@pytest.fixture
def forge():
    with running_forge() as one:
        yield one
