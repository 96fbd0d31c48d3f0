"""What the tests of several processes share."""

import pytest

from tests.cluster import Cluster


@pytest.fixture
def cluster(whole: Cluster) -> Cluster:
    """The module's own cluster, with all its processes running."""
    whole.heal()
    return whole
