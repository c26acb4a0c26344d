import pytest

import mockserver
from contracts.testing import imageparity_conformance


@pytest.fixture(scope="session")
def gateway_url():
    """The base URL of your gateway; here a mock takes its place."""
    with mockserver.running("tokenhub") as gateway:
        yield gateway.base_url


test_gateway = imageparity_conformance(
    "tokenhub", base_url_fixture="gateway_url", key="any", only="createImage/request/n"
)
