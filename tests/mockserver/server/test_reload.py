"""A folder that is edited while it is served."""

import asyncio
import gc
from weakref import ref

import pytest
from aiohttp import ClientSession
from support.http import KEY, ask, eventually, generation
from support.processes import control, ended, gateway_in, serving

import specs
from mockserver.app import SERVER_CONTEXT, create_app
from mockserver.embedded.thread import serve_in_loop
from mockserver.server.reload import DocumentWatcher
from mockserver.settings import Settings
from specs import claims, listed_models

pytestmark = pytest.mark.slow


@pytest.fixture
def gateway(tmp_path):
    return gateway_in(tmp_path / "specs")


def edit(file, old, new):
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def health(ready):
    return control(ready, "/health").json


def model_of(ready, name="gateway"):
    """The model that a provider names first."""
    url = f"{ready['url']}/{name}/api/v1/models"
    answer = ask(url, method="GET")
    return answer.json["data"][0]["id"] if answer.status == 200 else None


@pytest.mark.parametrize("workers", [(), ("--workers", "2")])
def test_what_is_changed_is_served(gateway, workers):
    with serving("--specs", str(gateway.parent), *workers) as (process, ready):
        assert model_of(ready) == "gpt-image-2"

        edit(gateway / "dialect.yaml", "model: gpt-image-2", "model: my-image-9")

        for _ in range(10):  # whichever worker answers
            eventually(lambda: model_of(ready) == "my-image-9")
        assert health(ready)["status"] == "ok"
        logged = process.stderr.readline()  # by the first worker, maybe not yet
        process.terminate()
        _, errors, code = ended(process)

    assert (errors, code) == ("", 0)
    assert "Reloaded documents" in logged


def test_a_new_folder_is_served_and_one_that_is_gone_is_not(gateway):
    with serving("--specs", str(gateway.parent)) as (_, ready):
        gateway_in(gateway.parent, "another")
        eventually(lambda: model_of(ready, "another"))

        gateway.rename(gateway.parent.parent / "elsewhere")
        eventually(lambda: model_of(ready) is None)

        assert health(ready)["providers"] == [*specs.names(), "another"]


@pytest.mark.parametrize(
    ("old", "new", "mentions"),
    [
        ("x-basis", "x-bassis", "unknown keyword 'x-bassis'"),
        ("openapi: 3.1", "openapi: [", "is not YAML"),
        ("x-basis", "x-basis: [", "is not YAML"),
    ],
)
def test_broken_documents_are_told_of_and_the_last_good_ones_kept(
    gateway, old, new, mentions
):
    file = gateway / "openapi.yaml"
    good = file.read_text(encoding="utf-8")
    with serving("gateway", "--specs", str(gateway.parent)) as (process, ready):
        assert health(ready)["trouble"] is None

        edit(file, old, new)
        trouble = eventually(lambda: health(ready)["trouble"])
        assert mentions in trouble
        assert str(file) in trouble
        assert health(ready)["status"] != "ok"
        url = f"{ready['providers']['gateway']}/images/generations"
        assert ask(url, body=generation(specs.load("tokenhub"))).status == 200

        file.write_text(good, encoding="utf-8")
        eventually(lambda: health(ready)["trouble"] is None)
        assert health(ready)["status"] == "ok"

        process.terminate()
        _, errors, code = ended(process)

    kept, again = errors.splitlines()
    assert mentions in kept
    assert "keeping the last documents" in kept
    assert "Reloaded documents" in again
    assert code == 0


def test_a_folder_that_vanishes_is_trouble(gateway):
    with serving("gateway", "--specs", str(gateway.parent)) as (_, ready):
        gateway.parent.rename(gateway.parent.parent / "elsewhere")

        assert str(gateway.parent) in eventually(lambda: health(ready)["trouble"])
        assert model_of(ready) == "gpt-image-2"


def test_nothing_is_watched_when_that_is_asked_for(gateway, tmp_path):
    """Beside one that watches, so that there is something to wait for."""
    folder = str(gateway.parent)
    with (
        serving("gateway", "--specs", folder, "--no-reload") as (_, still),
        serving("gateway", "--specs", folder) as (_, watching),
    ):
        edit(gateway / "dialect.yaml", "model: gpt-image-2", "model: my-image-9")
        eventually(lambda: model_of(watching) == "my-image-9")
        edit(gateway / "dialect.yaml", "model: my-image-9", "model: my-image-10")
        eventually(lambda: model_of(watching) == "my-image-10")

        assert model_of(still) == "gpt-image-2"


def test_nothing_is_permanent_after_a_reload(gateway):
    """Garbage of the moment when objects are made permanent would stay for ever."""
    folder = str(gateway.parent)
    watcher = DocumentWatcher(["gateway"], folder)
    app = create_app(specs.load_all(["gateway"], folder), Settings())
    context = app[SERVER_CONTEXT]
    context.after_load = gc.freeze

    async def reload() -> None:
        async with serve_in_loop(app) as url, ClientSession() as session:
            await session.get(f"{url}/gateway/api/v1/models")
            assert gc.get_freeze_count()
            last = context.provider_contexts
            reloading = asyncio.create_task(watcher.run(context, logs_reloads=False))
            edit(gateway / "dialect.yaml", "model: gpt-image-2", "model: my-image-9")
            await asyncio.to_thread(
                eventually, lambda: context.provider_contexts is not last
            )
            await session.get(f"{url}/gateway/api/v1/models")
            reloading.cancel()

    asyncio.run(reload())

    assert gc.get_freeze_count() == 0


def test_a_replaced_document_is_kept_by_nothing(gateway):
    """Neither by the journal nor by caches: each takes megabytes."""
    folder = str(gateway.parent)
    entries = specs.find_all(["gateway"], folder)  # `serve` keeps them too
    context = (app := create_app(entries, Settings()))[SERVER_CONTEXT]
    first = context.provider_contexts["gateway"].provider
    path = first.full_path(first.operations["createImage"])
    bodies = generation(first), {"prompt": 1}
    replaced = ref(first)

    async def reload() -> None:
        async with serve_in_loop(app) as url, ClientSession() as session:
            headers = {"Authorization": f"Bearer {KEY}"}
            for models in ("models", "models/none"):
                await session.get(f"{url}/gateway/api/v1/{models}", headers=headers)
            for body in bodies:
                await session.post(f"{url}/gateway{path}", json=body, headers=headers)
            edit(gateway / "dialect.yaml", "model: gpt-image-2", "model: my-image-9")
            context.load(specs.load_all(["gateway"], folder))

    claims(first)
    listed_models(first)
    asyncio.run(reload())
    del first
    gc.collect()

    assert replaced() is None
    assert entries[0].provider.dialect.model == "my-image-9"
    assert len(asyncio.run(context.store.journal.entries())) == 4
