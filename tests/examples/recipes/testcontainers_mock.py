from collections.abc import Iterator

import pytest
from openai import OpenAI
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import HttpWaitStrategy


@pytest.fixture(scope="session")
def client() -> Iterator[OpenAI]:
    container = (
        DockerContainer("imageparity")
        .with_command(["serve", "openai", "--token", "any-text"])
        .with_exposed_ports(8080)
        .waiting_for(HttpWaitStrategy(8080, "/__mock__/health"))
    )
    with container:
        host, port = container.get_container_host_ip(), container.get_exposed_port(8080)
        base_url = f"http://{host}:{port}/openai/v1"
        with OpenAI(base_url=base_url, api_key="anything") as client:
            yield client
