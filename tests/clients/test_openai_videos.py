"""openai-python: videos, which its makers have ended and gateways still offer."""

import io
import uuid

import openai
import pytest
from support.http import KEY
from support.video import gradient_picture

pytestmark = [
    pytest.mark.clients,
    pytest.mark.filterwarnings("ignore:The Sora API is scheduled:DeprecationWarning"),
]

PROVIDERS = ["openai", "aihubmix"]


@pytest.fixture(params=PROVIDERS)
def at(request):
    return request.param


@pytest.fixture
def client(task_mock, at):
    with openai.OpenAI(
        base_url=task_mock.base_urls[at], api_key=KEY, max_retries=0
    ) as client:
        yield client


def order(says="", **more):
    prompt = f"A paper boat {uuid.uuid4().hex} {says}".strip()
    return {"model": "sora-2", "prompt": prompt, **more}


def test_it_waits_for_a_video_and_downloads_it(client, probed):
    asked = order(seconds="4", size="1280x720")

    video = client.videos.create_and_poll(**asked, poll_interval_ms=10)

    assert (video.status, video.progress, video.error) == ("completed", 100, None)
    assert (video.model, video.seconds, video.size) == ("sora-2", "4", "1280x720")
    assert video.prompt == asked["prompt"]
    found = probed(client.videos.download_content(video.id).read())
    assert (found.size, found.seconds) == ((1280, 720), pytest.approx(4, abs=0.1))


def test_the_states_of_a_video_follow_each_other(client):
    created = client.videos.create(**order())
    states = [client.videos.retrieve(created.id) for _ in range(3)]

    assert (created.status, created.progress) == ("queued", 0)
    assert [each.status for each in states] == ["in_progress"] + ["completed"] * 2
    progress = [created.progress, *(each.progress for each in states)]
    assert progress == sorted(progress)
    assert {each.created_at for each in states} == {created.created_at}


def test_a_first_frame_is_uploaded(client, task_mock, at):
    frame = gradient_picture((1280, 720))
    asked = order(size="1280x720")

    created = client.videos.create(
        **asked, input_reference=("frame.png", io.BytesIO(frame), "image/png")
    )

    assert created.status == "queued"
    (entry,) = [
        each
        for each in task_mock.journal(at)
        if (each.get("payload") or {}).get("prompt") == asked["prompt"]
    ]
    assert entry["payload"]["input_reference"]["filename"] == "frame.png"


def test_a_failure_is_in_the_video(client):
    video = client.videos.create_and_poll(
        **order("[[mock:task=failed]]"), poll_interval_ms=10
    )

    assert video.status == "failed"
    assert video.error.code
    assert video.error.message


def test_a_file_is_not_there_before_the_video_is_completed(client):
    created = client.videos.create(**order())

    with pytest.raises(openai.APIStatusError) as caught:
        client.videos.download_content(created.id)

    assert 400 <= caught.value.status_code < 500


def test_a_deleted_video_is_not_found(client):
    video = client.videos.create_and_poll(**order(), poll_interval_ms=10)

    deleted = client.videos.delete(video.id)

    assert deleted.deleted
    with pytest.raises(openai.NotFoundError):
        client.videos.retrieve(video.id)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"seconds": "5"}, openai.BadRequestError),
        ({"size": "1x1"}, openai.BadRequestError),
        ({"says": "[[mock:rate_limited]]"}, openai.RateLimitError),
        ({"says": "[[mock:server_error]]"}, openai.InternalServerError),
    ],
)
def test_errors_are_the_clients_own(changes, kind, client):
    with pytest.raises(kind):
        client.videos.create(**order(**changes))


def test_a_bad_key_is_refused(client):
    own = client.with_options(api_key="sk-mock-unauthenticated")

    with pytest.raises(openai.AuthenticationError):
        own.videos.create(**order())


def test_videos_are_listed_page_by_page(task_mock):
    own = openai.OpenAI(
        base_url=task_mock.base_urls["openai"], api_key=f"sk-{uuid.uuid4().hex}"
    )
    with own as client:
        made = [client.videos.create(**order()).id for _ in range(3)]

        listed = [each.id for each in client.videos.list(limit=2, order="asc")]
        latest = client.videos.list(limit=1)

    assert listed == made
    assert [each.id for each in latest.data] == made[-1:]
    assert latest.has_more
