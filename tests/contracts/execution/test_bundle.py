"""Bundles of runs: verified, judged again without network, and without secrets."""

import asyncio
import json
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner
from faulty_servers.catalogue import FAULTY_SERVERS

import mockserver
import specs
from contracts.cli.main import main
from contracts.execution.bundle.manifest import BundleOptions
from contracts.execution.bundle.masks import Masks
from contracts.execution.bundle.reader import BadBundle
from contracts.execution.bundle.recording import BundleRecording, write_bundle
from contracts.execution.bundle.records import line_hash
from contracts.execution.bundle.verify import Verification, verify
from contracts.execution.bundle.writer import BundleWriter
from contracts.execution.campaign import Campaign
from contracts.execution.run import execute, start
from contracts.execution.sending.target import Target
from contracts.report.model import Outcome, Report
from mockserver.recordings.request_key import digest

pytestmark = pytest.mark.slow
KEY = "sk-secret/key+of-this-test"
ECHO = next(
    each for each in FAULTY_SERVERS if each.id == "llmapi:createImage/key-echoed"
)
Entries = dict[str, bytes]


@dataclass
class Made:
    """A bundle, with the report that the same run wrote and what it printed."""

    path: Path
    report: bytes
    output: str


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    """A run of a server that echoes the key, and of a mock with tasks and videos."""
    folder = tmp_path_factory.mktemp("bundle")
    path, report = folder / "run.zip", folder / "report.jsonl"
    with ECHO.serving() as base_url, mockserver.running("ark", tasks="polls=3") as mock:
        result = CliRunner(env={"SECRET": KEY}).invoke(
            main,
            [
                *("run", f"llmapi={base_url}", f"ark={mock.base_urls['ark']}"),
                *("--key-env", "SECRET", "--operations", "createImage,createVideo"),
                *("--only", "/plain", "--only", "/auth/", "--only", "/fuzz/"),
                *("--bundle", str(path), "--report", str(report)),
                *("--no-second-opinion", "--examples", str(folder)),
                *("--task-interval", "0.01"),
            ],
        )
    return Made(path, report.read_bytes(), result.output)


def entries(path: Path) -> Entries:
    with zipfile.ZipFile(path) as bundle:
        return {name: bundle.read(name) for name in bundle.namelist()}


def rewritten(made: Made, change: Callable[[Entries], None], path: Path) -> Path:
    """A copy of a bundle with another content."""
    content = entries(made.path)
    change(content)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, data in content.items():
            bundle.writestr(name, data)
    return path


def test_a_bundle_of_two_providers_is_verified(made):
    result = verify(made.path)

    assert f"id {result.id}" in made.output
    assert result.problems == result.notes == []
    assert result.is_judged
    assert "".join(result.report.to_lines()).encode() == made.report
    assert {each.check for each in result.report.findings} >= {"keeps-secrets"}
    assert len(result.report.metadata.targets) == 2
    assert any("/fuzz/" in each.case for each in result.report.outcomes)
    videos = [each for each in result.report.outcomes if each.provider == "ark"]
    assert sum(each.images for each in videos) > 0


def test_no_secret_is_in_a_bundle(made):
    spellings = [KEY, KEY.replace("/", "%2F").replace("+", "%2B"), KEY.split("/")[1]]
    contents = [made.path.read_bytes(), *entries(made.path).values()]

    assert not [
        each for each in spellings for data in contents if each.encode() in data
    ]


def test_the_order_and_the_times_of_files_are_fixed(made):
    with zipfile.ZipFile(made.path) as bundle:
        times = {each.date_time for each in bundle.infolist()}
        names = bundle.namelist()

    assert times == {(1980, 1, 1, 0, 0, 0)}
    assert names == sorted(
        names, key=lambda each: (ORDER[each.partition("/")[0]], each)
    )


ORDER = {
    "manifest.json": 0,
    "documents": 1,
    "report.jsonl": 2,
    "exchanges.jsonl": 3,
    "files": 4,
}


def lines_of(content: Entries) -> list[bytes]:
    return content["exchanges.jsonl"].splitlines(keepends=True)


def change_body(content: Entries) -> None:
    lines = lines_of(content)
    lines[4] = lines[4].replace(b'"status": ', b'"status": 1', 1)
    content["exchanges.jsonl"] = b"".join(lines)


def change_picture(content: Entries) -> None:
    name = next(each for each in content if each.endswith(".png"))
    data = bytearray(content[name])
    data[len(data) // 2] ^= 1
    content[name] = bytes(data)


def remove_record(content: Entries) -> None:
    lines = lines_of(content)
    del lines[2]
    content["exchanges.jsonl"] = b"".join(lines)


def remove_last_record(content: Entries) -> None:
    content["exchanges.jsonl"] = b"".join(lines_of(content)[:-1])


def swap_records(content: Entries) -> None:
    lines = lines_of(content)
    lines[2:4] = lines[3:1:-1]
    content["exchanges.jsonl"] = b"".join(lines)


def change_report(content: Entries) -> None:
    content["report.jsonl"] = content["report.jsonl"].replace(
        b'"status": 200', b'"status": 201', 1
    )


def change_document(content: Entries) -> None:
    content["documents/ark/openapi.yaml"] += b"\n"


def remove_picture(content: Entries) -> None:
    del content[next(each for each in content if each.startswith("files/"))]


def add_file(content: Entries) -> None:
    content["files/" + "0" * 64 + ".bin"] = b""


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (change_body, "record 5 ("),
        (change_picture, "was changed: it is in the body of the response of record"),
        (remove_record, "record 3, before that of"),
        (remove_last_record, "the last record is"),
        (swap_records, "record 3, before that of"),
        (change_report, "report.jsonl was changed"),
        (change_document, "documents/ark/openapi.yaml was changed"),
        (remove_picture, "was removed: it is in"),
        (add_file, "was added: no record has it"),
    ],
)
def test_a_change_is_found_and_named(made, tmp_path, change, expected):
    path = rewritten(made, change, tmp_path / "changed.zip")

    result = CliRunner().invoke(main, ["verify", str(path)])

    assert result.exit_code == 1
    assert expected in flat(result.output)
    assert "Not verified" in result.output


def flat(text: str) -> str:
    return " ".join(text.split())


def test_a_damaged_byte_of_the_file_is_found(made, tmp_path):
    with zipfile.ZipFile(made.path) as bundle:
        entry = next(
            each for each in bundle.infolist() if each.filename.startswith("files/")
        )
    data = bytearray(made.path.read_bytes())
    data[entry.header_offset + len(entry.filename) + 60] ^= 1
    path = tmp_path / "damaged.zip"
    path.write_bytes(data)

    assert [entry.filename in each for each in verify(path).problems] == [True]


def forged(content: Entries) -> None:
    """Compute the chain and all hashes of the manifest again."""
    manifest = json.loads(content["manifest.json"])
    last, lines = "0" * 64, []
    for number, line in enumerate(lines_of(content), 1):
        row = {**json.loads(line), "record": number, "previous": last}
        lines.append((json.dumps(row) + "\n").encode())
        last = line_hash(lines[-1])
    content["exchanges.jsonl"] = b"".join(lines)
    manifest["records"] = {"count": len(lines), "last": last}
    for name, facts in manifest["files"].items():
        facts["sha256"] = digest(content[name])
    content["manifest.json"] = json.dumps(manifest).encode()


def forge(made: Made, change: Callable[[Entries], None], path: Path) -> Verification:
    def both(content: Entries) -> None:
        change(content)
        forged(content)

    return verify(rewritten(made, both, path))


def hide_findings(content: Entries) -> None:
    *lines, footer = content["report.jsonl"].splitlines(keepends=True)
    row = {**json.loads(footer), "findings": []}
    content["report.jsonl"] = b"".join([*lines, (json.dumps(row) + "\n").encode()])


def test_hashes_made_anew_do_not_hide_another_result(made, tmp_path):
    """A forgery with all hashes made anew is found when it is judged again."""
    found = forge(made, hide_findings, tmp_path / "findings.zip").problems
    assert any(
        "is not in the report; judged again, it is found" in each for each in found
    )

    found = forge(made, remove_record, tmp_path / "record.zip").problems
    assert any("has no record" in each or "has another" in each for each in found)

    found = forge(made, change_document, tmp_path / "document.zip").problems
    assert any(
        "documents/ark/openapi.yaml is not the one of this" in each for each in found
    )


def add_separator(content: Entries) -> None:
    content["report.jsonl"] = content["report.jsonl"].replace(
        b'"title": "', '"title": "\u2028'.encode(), 1
    )


def test_a_line_separator_in_a_text_does_not_end_a_line(made, tmp_path):
    found = forge(made, add_separator, tmp_path / "separator.zip").problems

    assert [each.partition(":")[0] for each in found] == [
        "the first line of the report"
    ]


def test_what_is_no_bundle_is_not_readable(made, tmp_path):
    text = tmp_path / "text.zip"
    text.write_text("no bundle")
    other = rewritten(
        made, lambda content: content.pop("manifest.json"), tmp_path / "o.zip"
    )

    for path in (text, other, tmp_path / "missing.zip"):
        with pytest.raises(BadBundle, match=path.name):
            verify(path)
    assert CliRunner().invoke(main, ["verify", str(text)]).exit_code == 2


@pytest.mark.parametrize("delay", [0.0, 0.5])
def test_an_interrupted_run_is_judged_up_to_there(tmp_path, delay):
    """Also where the next cases have begun when the interrupt comes."""
    report = asyncio.run(_interrupted(tmp_path / "stopped.zip", delay))

    result = verify(tmp_path / "stopped.zip")

    assert report.stopped == "interrupt"
    assert any(each.open_task for each in report.outcomes)
    assert result.problems == []
    assert result.report == report


async def _interrupted(path: Path, delay: float) -> Report:
    """The report of a run that is interrupted while tasks are open."""
    from importlib.metadata import version

    provider = specs.load("ark")
    with (
        mockserver.running("ark", tasks="seconds=600") as mock,
        BundleWriter(path) as out,
    ):
        recording = BundleRecording(out)
        target = Target(mock.base_urls["ark"], KEY, is_mock=True)
        campaign = Campaign(
            provider,
            target,
            fuzz=False,
            preflight=False,
            only=("/examples/", "/request/model/"),
        )
        first = [each.follow is not None for each in campaign.cases].index(True)
        run = start(
            [recording.attach(campaign)], version=version("imageparity"), seed=0
        )
        is_open = asyncio.Event()

        def note(outcome: Outcome) -> None:
            recording.count(outcome)
            if recording.outcomes == first:
                is_open.set()

        sending = asyncio.create_task(execute(run, progress=note))
        await asyncio.wait_for(is_open.wait(), 60)
        await asyncio.sleep(delay)
        sending.cancel()
        with suppress(asyncio.CancelledError):
            await sending
        run.stopped = "interrupt"
        options = BundleOptions(
            max_cases=None,
            budget=None,
            waiting=None,
            fail_on=(),
            repeat=1,
            requirements=None,
        )
        write_bundle(recording, run.report(), [provider], options)
        return run.report()


@pytest.fixture(scope="module")
def repeated(tmp_path_factory) -> Made:
    """A run with several requests a case, whose images are at a place of their own."""
    folder = tmp_path_factory.mktemp("repeated")
    path, report = folder / "run.zip", folder / "report.jsonl"
    result = CliRunner().invoke(
        main,
        [
            *("run", "siliconflow", "--only", "/plain", "--no-second-opinion"),
            *("--repeat", "3", "--requirements", "images-2026-12"),
            *("--bundle", str(path), "--report", str(report)),
            *("--examples", str(folder)),
        ],
    )
    return Made(path, report.read_bytes(), result.output)


def test_repetitions_and_requirements_are_verified(repeated):
    result = verify(repeated.path)

    assert result.problems == result.notes == []
    assert "".join(result.report.to_lines()).encode() == repeated.report
    assert result.manifest["options"]["repeat"] == 3
    assert result.report.requirements.name == "images-2026-12"
    plain = next(each for each in result.report.outcomes if each.images)
    assert len(plain.repeats.output) == len(plain.repeats.first_byte) == 3


@pytest.mark.parametrize(
    ("option", "other", "expected"),
    [("repeat", 2, "of no request of this run"), ("requirements", None, "footer")],
)
def test_other_options_in_the_manifest_are_found(
    repeated, tmp_path, option, other, expected
):
    def change(content: Entries) -> None:
        manifest = json.loads(content["manifest.json"])
        manifest["options"][option] = other
        content["manifest.json"] = json.dumps(manifest).encode()

    found = forge(repeated, change, tmp_path / "options.zip").problems

    assert any(expected in each for each in found)


@pytest.mark.parametrize("other", ["--dry-run", "--same-questions"])
def test_options_that_a_bundle_excludes_are_refused(tmp_path, other):
    path = str(tmp_path / "run.zip")

    result = CliRunner().invoke(main, ["run", "tokenhub", "--bundle", path, other])

    assert result.exit_code == 2
    assert f"--bundle and {other} exclude each other" in result.stderr


def test_masks_keep_lengths_and_can_be_undone_for_urls():
    masks = Masks(Target("http://a.example", KEY))
    url = "http://a.example/x.png?w=1&X-Amz-Signature=0a1b2c3d4e&Expires=12"
    text = masks.text(f'{{"url": "{url}", "k": "{KEY}"}}')

    assert KEY not in text
    assert "0a1b2c3d4e" not in text
    assert "Expires=12" in text
    assert len(text) == len(f'{{"url": "{url}", "k": "{KEY}"}}')
    assert masks.unmask(masks.text(url)) == url
    assert masks.target.key in text
