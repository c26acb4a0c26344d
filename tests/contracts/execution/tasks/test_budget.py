"""Tasks count by the price of what they make, and are followed one at a time."""

import pytest
from faulty_servers.tasks.cases import END, conversation, loaded, single_requests

import contracts
import mockserver
from contracts.judging.examiner import max_cost

SECONDS = 5  # of a video
PRICE = 0.042  # USD per second of kling-v2-6, without sound
CREATE = "createTextToVideo"


def test_the_price_of_a_video_is_that_of_its_seconds():
    case = conversation("kling", END)

    assert max_cost(loaded("kling"), case) == pytest.approx(PRICE * SECONDS)


def test_a_model_in_the_path_has_its_price():
    assert max_cost(loaded("veo"), conversation("veo", END)) > 0


def test_reading_is_free():
    cases = single_requests("kling", "")

    assert {max_cost(loaded("kling"), each) for each in cases} == {0.0}


def test_a_budget_pays_for_creations_and_for_no_reads():
    budget = 2.5 * PRICE * SECONDS
    with mockserver.running("kling", tasks="polls=3") as mock:
        report = contracts.run(
            "kling",
            against=mock.base_url,
            key="a-key",
            budget=budget,
            fuzz=False,
            only=(f"{CREATE}/request/plain", f"{CREATE}/request/examples/"),
            task_interval=0.01,
        )
        asked = [entry["operation"] for entry in mock.journal()]

    paid = [each for each in report.outcomes if each.cost]
    assert report.stopped == "budget"
    assert asked.count(CREATE) == len(paid) == 2
    assert report.cost() == pytest.approx(2 * PRICE * SECONDS)
    second = asked.index(CREATE, 1)
    assert asked[second - 1] != CREATE  # the first was followed to its end before
    assert "listTextToVideos" in asked[:second]
