"""A content delivery network gives up, the provider finishes: a retry pays twice."""

from concurrent.futures import ThreadPoolExecutor

import openai
import pytest
from support.http import KEY, ask, control, eventually, generation, url_of, wire
from support.http import delivered as bytes_of

import specs
from mockserver.state.transcript import transcript

ONCE = {"X-Mock-Fault": "cdn-timeout;times=1"}
SECONDS = 100
VIDEO = {"prompt": "A paper boat", "model": "sora-2", "seconds": "4"}


@pytest.fixture
def retrying(own):
    """A function that returns a client with its usual retries, and a fault for it."""

    def retrying(name, **more):
        return openai.OpenAI(
            base_url=own.base_urls[name], api_key=KEY, default_headers=ONCE, **more
        )

    return retrying


def in_time(server, work):
    """The result of `work` while the clock passes the time that the CDN waits."""
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(work)
        eventually(lambda: result.done() or server.count(fault="cdn-timeout"))
        server.advance(SECONDS)
        return result.result(timeout=60)


def price_of(entries):
    """The sum of the prices of entries; images without a price count as nothing."""
    return sum(each["cost"].get("amount") or 0 for each in entries)


@pytest.mark.parametrize("name", ["openai", "tokenhub"])  # base64 and URL
def test_a_client_that_retries_pays_for_two_images_and_receives_one(
    own, retrying, name
):
    provider = specs.load(name)
    with retrying(name) as client:
        answer = in_time(own, lambda: client.images.generate(**generation(provider)))

    assert len(answer.data) == 1
    assert bytes_of(answer.data[0].model_dump(exclude_none=True))
    lost, kept = own.journal(operation="createImage")
    assert (lost["status"], lost["outcome"]) == (524, "cdn-timeout")
    assert (lost["images"], lost["undelivered"]) == (1, 1)
    assert (kept["status"], kept["images"]) == (200, 1)
    assert "undelivered" not in kept
    assert kept["retry"] == "1"
    assert lost["cost"] == kept["cost"]
    found = own.costs()["providers"][name]
    assert (found["images"], found["undelivered"]) == (2, 1)
    assert found["amount"] == pytest.approx(2 * price_of([kept]))
    assert own.costs()["total"]["undelivered"] == 1


def test_without_retries_the_client_sees_the_page_of_the_network(own, retrying):
    with retrying("openai", max_retries=0) as client:
        body = generation(specs.load("openai"), n=2)
        with pytest.raises(openai.InternalServerError) as caught:
            in_time(own, lambda: client.images.generate(**body))

    assert caught.value.status_code == 524
    assert "524 A Timeout Occurred" in caught.value.response.text
    assert caught.value.response.headers["Content-Type"].startswith("text/html")
    total = own.costs()["total"]
    assert (total["requests"], total["images"], total["undelivered"]) == (1, 2, 2)


@pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")
def test_a_retried_creation_of_a_task_pays_for_a_task_whose_id_nobody_knows(
    own, retrying
):
    with retrying("openai") as client:
        created = in_time(own, lambda: client.videos.create(**VIDEO))
        own.advance(60)
        listed = client.videos.list().data
        done = [client.videos.retrieve(created.id) for _ in range(4)][-1]

    assert done.status == "completed"
    lost, kept = own.journal(operation="createVideo")
    assert (lost["status"], lost["undelivered"]) == (524, 1)
    assert lost["outputs"] == kept["outputs"] == {"videos": 1}
    assert kept["task"]["id"] == created.id != lost["task"]["id"]
    assert {each.id for each in listed} == {lost["task"]["id"], created.id}
    found = own.costs()["providers"]["openai"]
    assert (found["outputs"], found["undelivered"]) == ({"videos": 2}, 1)
    assert found["amount"] == pytest.approx(2 * price_of([kept]))


def test_a_task_that_fails_without_a_bill_is_no_undelivered_output(own):
    provider = specs.load("openai")
    body = {**VIDEO, "prompt": "A boat [[mock:task=failed]]"}
    url = url_of(own, provider, "createVideo")

    assert ask(url, body=body, X_Mock_Fault="html").status == 502

    (entry,) = own.journal(operation="createVideo")
    assert "undelivered" not in entry
    assert own.costs()["total"]["undelivered"] == 0


@pytest.mark.parametrize(
    ("fault", "stream", "undelivered"),
    [
        ("html", False, 2),
        ("garbage", False, 2),
        ("empty-data", False, 2),
        ("fewer-images", False, 1),
        ("cut-stream", False, 0),
        ("no-cors", False, 0),
        ("cut-stream", True, 2),
        ("stream-error", True, 2),
        ("no-partials", True, 0),
    ],
)
def test_every_fault_that_loses_images_counts_them(own, fault, stream, undelivered):
    provider = specs.load("openai")
    more = {"stream": True, "partial_images": 1} if stream else {}
    body = generation(provider, n=2, **more)

    wire(url_of(own, provider), body=body, X_Mock_Fault=fault)

    (entry,) = own.journal()
    assert entry.get("undelivered", 0) == undelivered
    assert own.costs()["total"]["undelivered"] == undelivered


def test_metrics_and_the_last_line_of_the_server_count_them(own):
    provider = specs.load("tokenhub")
    ask(url_of(own, provider), body=generation(provider), X_Mock_Fault="html")

    text = control(own, "/metrics").body.decode()

    labels = 'operation="createImage",provider="tokenhub",status="502"'
    assert f"imageparity_undelivered_total{{{labels}}} 1.0" in text
    assert "1 undelivered" in transcript(own.journal())
