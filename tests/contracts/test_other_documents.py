"""Documents that are not like those that ship: videos, and fields inside others."""

import json
from collections import Counter

import pytest
from click.testing import CliRunner, Result
from support.other_documents import write_nested_images, write_videos

import contracts
import mockserver
from contracts.cli.main import main
from contracts.compare import compare
from contracts.execution.campaign import Campaign
from contracts.execution.sending.call_arguments import call_options
from contracts.execution.sending.target import Target
from contracts.media.registry import image_operations
from contracts.planning.plan import OTHER_PROMPT, plan
from contracts.planning.request_model import request_models
from contracts.report.model import NO_SAMPLE
from contracts.reporters.page.render import page
from contracts.scaffold.draft import write_folder
from contracts.scaffold.from_provider import draft_like
from contracts.traffic.gateway.question import QuestionKind
from contracts.traffic.gateway.questions import Planner
from contracts.traffic.judge import TrafficJudge
from specs import State, load

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("documents")
    write_videos(made)
    write_nested_images(made)
    return made


@pytest.fixture(scope="module")
def videos(folder):
    return load("films", folder)


@pytest.fixture(scope="module")
def nested(folder):
    return load("nested", folder)


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [*map(str, words)])


def test_an_example_is_the_minimal_request_where_fields_are_nested(videos):
    models = request_models(videos)

    by_example = models["createVideo", "application/json"].minimal_request
    by_schema = models["createModelVideo", "application/json"].minimal_request

    assert by_example["content"][0] == {"type": "text", "text": "A garden"}
    assert list(by_schema["instances"][0]) == ["prompt"]


def test_a_prompt_inside_other_fields_is_replaced(videos):
    cases = {each.id: each for each in plan(videos)}

    listed = cases["createVideo/request/other-prompt"].payload
    instance = cases["createModelVideo/request/other-prompt"].payload

    assert listed["content"][0]["text"] == OTHER_PROMPT
    assert listed["content"][1]["image_url"]["url"] == "https://example.com/a.png"
    assert instance == {"instances": [{"prompt": OTHER_PROMPT}]}


def test_the_servers_name_of_a_model_is_sent_in_its_own_field(videos):
    call = call_options(videos, headers={}, auth=None, models={"": "deployment"})
    cases = call.select(plan(videos))

    payloads = [call.wire_case(each).payload for each in cases if each.raw is None]
    sent = {each["model_name"] for each in payloads}

    assert sent == {"deployment"}
    assert not any("/model_name/" in claim for each in cases for claim in each.claims)


def test_an_id_that_the_client_chooses_is_sent_in_no_valid_request(videos):
    campaign = Campaign(videos, Target("http://127.0.0.1:1", "k"), second_opinion=True)

    with_id = [each for each in campaign.cases if "client_id" in each.payload]

    assert with_id
    assert all(each.expected_error for each in with_id)


def test_each_side_of_a_nested_limit_is_planned(videos):
    states = {
        (each.claims[0], each.expectation) for each in plan(videos) if each.claims
    }

    for claim in ("createVideo/request/duration", "createModelVideo/request/instances"):
        assert {state for name, state in states if name.startswith(f"{claim}/")} >= {
            State.VALID,
            State.INVALID,
        }


def test_only_an_operation_without_a_valid_request_is_not_tested(videos):
    report = contracts.run(videos, fuzz=False)

    reasons = Counter(each.not_tested for each in report.outcomes)
    (untested,) = [each for each in report.outcomes if each.not_tested]
    assert reasons.keys() == {None, f"{NO_SAMPLE} (createImpossibleVideo)"}
    assert untested.operation == "createImpossibleVideo"
    assert report.stopped is None
    accepted = {each.operation for each in report.outcomes if each.status == 200}
    assert accepted == {"createVideo", "createModelVideo"}


def test_a_parameter_of_a_path_has_a_documented_value(videos):
    with mockserver.running(videos) as mock:
        url = mock.base_urls["films"]
        contracts.run(videos, against=url, key="k", fuzz=False, max_cases=20)
        requested = {each["path"] for each in mock.journal()}

    assert "/films/films/v2/models/film-1:predict" in requested
    assert not any("{" in each or "%7B" in each for each in requested)


def test_a_mock_of_nested_fields_passes(nested):
    report = contracts.run(nested)

    assert report.findings == ()
    assert any(each.images for each in report.outcomes)


def test_a_page_has_the_operations_of_every_medium(videos, nested):
    report = contracts.run(videos, fuzz=False, max_cases=30)

    shown = page(compare([videos, nested, load("tokenhub")]), report)

    assert "createVideo" in shown
    assert "createImage" in shown


def test_documents_without_images_are_in_the_table_of_tasks_only(videos):
    found = compare([videos, load("tokenhub")])
    rows = {each.id: each for each in found.rows}

    assert [each.id for each in found.providers] == ["tokenhub"]
    assert list(rows["createImage/path"].cells) == ["tokenhub"]
    assert {each.provider for each in found.tasks.columns} == {"films"}


def test_traffic_to_a_path_with_a_parameter_is_known(videos):
    judge = TrafficJudge(videos, "http://upstream.example/api/v1")

    plain = judge.operation("POST", "/videos")
    elsewhere = judge.operation("POST", "/films/v2/models/film-2:predict")

    assert (plain and plain.id, elsewhere and elsewhere.id) == (
        "createVideo",
        "createModelVideo",
    )
    assert judge.operation("POST", "/images/generations") is None


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("common", "films", "tokenhub"), "films documents no operation that responds"),
        (("drop-in", "films", "tokenhub"), "documents no operation that this code"),
        (("drop-in", "tokenhub", "films"), "documents no operation that this code"),
        (
            (
                *("sandwich", "http://127.0.0.1:1/v1", "--dialect", "tokenhub"),
                *("--upstream-dialect", "films"),
            ),
            "films has no operation to test",
        ),
    ],
)
def test_what_has_nothing_in_common_says_so(words, says, videos, folder):
    result = run(*words, "--specs", folder)

    assert result.exit_code == 2
    assert says in result.output
    assert not image_operations(videos)


@pytest.mark.parametrize("words", [("common", "--json"), ("drop-in", "tokenhub")])
def test_of_all_providers_those_without_images_are_left_out(words, folder):
    result = run(*words, "--specs", folder)

    assert result.exit_code == 0
    assert "films" not in result.output
    assert "nested" in result.output


def test_a_gateway_is_asked_with_prompts_inside_other_fields(nested):
    questions = Planner(nested, nested, {}, "run").questions()

    for question in questions:
        assert question.marker in question.case.payload["content"][0]["text"]
    assert {QuestionKind.ANSWER, QuestionKind.ERROR} <= {e.kind for e in questions}


def test_a_definition_like_one_with_tasks_can_be_loaded(videos, folder, tmp_path):
    draft = draft_like("mine", videos, folder / "films")

    write_folder(draft.files(), tmp_path / "mine")

    mine = load("mine", tmp_path)
    assert mine.operations.keys() == videos.operations.keys()
    server = mine.operations["createModelVideo"].server_url
    assert server == "https://mine.example/films/v2"


def test_code_can_move_to_nested_fields(folder):
    result = run("drop-in", "tokenhub", "nested", "--json", "--specs", folder)

    assert result.exit_code == 1
    assert json.loads(result.output)["counts"]["breaks"]


def test_servers_with_nested_fields_are_compared(folder):
    words = ("nested", "tokenhub", "--same-questions", "--only", "createImage/n=")

    result = run("run", *words, "--specs", folder)

    assert result.exit_code == 0, result.output
    assert "nested" in result.output
