"""Submissions are checked, verified and published; each defect is named."""

import hashlib
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.http import serving_folder
from support.submissions import FACTS, write_submission

from contracts.cli.main import main as imageparity
from contracts.published.__main__ import main, verify_submission
from contracts.published.submission import read_submission
from specs.documents.reading.yaml_files import yaml_text

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    """The bundle of a short run of a mock."""
    path = tmp_path_factory.mktemp("bundle") / "run.zip"
    options = ("--only", "createImage/request/n/", "--no-fuzz", "--no-second-opinion")
    done = CliRunner().invoke(
        imageparity, ["run", "tokenhub", *options, "--bundle", str(path)]
    )
    assert done.exit_code == 0, done.output
    return path


@pytest.fixture(scope="module")
def day(bundle) -> str:
    """The day of that run, with which the name of a folder begins."""
    with zipfile.ZipFile(bundle) as entries:
        manifest = entries.read("manifest.json").decode()
    return manifest.partition('"started": "')[2][:10]


@pytest.fixture
def site(tmp_path) -> Path:
    (tmp_path / "site").mkdir()
    return tmp_path / "site"


@pytest.fixture
def folder(site, bundle, day) -> Path:
    return write_submission(site, f"tokenhub/{day}-example", bundle)


def published(site: Path, *arguments: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(main, [str(site), *map(str, arguments)])
    return done.exit_code, " ".join(done.output.split())


def without_exchanges(path: Path) -> Path:
    """A copy of a bundle of which only manifest, documents and report are left."""
    short = path.with_name("short.zip")
    with zipfile.ZipFile(path) as entries, zipfile.ZipFile(short, "w") as out:
        for name in entries.namelist():
            if name != "exchanges.jsonl" and not name.startswith("files/"):
                out.writestr(name, entries.read(name))
    return short


def test_a_submission_is_verified_and_published_the_same_each_time(site, folder):
    assert published(site, "--check")[0] == 1
    status, said = published(site, folder)
    names = ("results.html", "feed.xml")
    first = [(site / name).read_bytes() for name in names]

    assert status == 0, said
    assert "Verified: bundle" in said
    assert "mock, example" in first[0].decode()
    assert published(site) == (0, "")
    assert [(site / name).read_bytes() for name in names] == first
    assert published(site, "--check", folder)[0] == 0

    (site / "feed.xml").write_text("<feed/>")
    status, said = published(site, "--check")
    assert (status, "feed.xml is not up to date: run" in said) == (1, True)


def grade(folder: Path) -> None:
    rewrite(folder, grade="reproduced")


def gateway(folder: Path) -> None:
    rewrite(folder, endpoint="gateway")


def no_contact(folder: Path) -> None:
    rewrite(folder, contact="javascript:alert(1)")


def misspelt(folder: Path) -> None:
    rewrite(folder, measured_bye="Example Ltd")


def elsewhere(folder: Path) -> None:
    rewrite(folder, bundle={"url": "https://example.org/a.zip", "sha256": "0" * 64})


def another_day(folder: Path) -> None:
    folder.rename(folder.with_name("2020-01-01-example"))


def another_provider(folder: Path) -> None:
    folder.parent.rename(folder.parent.with_name("llmapi"))


def further_file(folder: Path) -> None:
    (folder / "notes.txt").touch()


def file_outside(folder: Path) -> None:
    (folder.parents[1] / "README.md").touch()


def short_bundle(folder: Path) -> None:
    without_exchanges(folder / "bundle.zip").replace(folder / "bundle.zip")


def other_report(folder: Path) -> None:
    change(folder, "report.jsonl", b'"seed": 0', b'"seed": 1')


def rewrite(folder: Path, **facts: object) -> None:
    (folder / "result.yaml").write_text(yaml_text({**FACTS, **facts}))


def change(folder: Path, name: str, before: bytes, after: bytes) -> None:
    path = folder / "bundle.zip"
    with zipfile.ZipFile(path) as entries:
        content = {each: entries.read(each) for each in entries.namelist()}
    assert before in content[name]
    content[name] = content[name].replace(before, after, 1)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for each, data in content.items():
            out.writestr(each, data)


@pytest.mark.parametrize(
    ("defect", "problem"),
    [
        (grade, "remove 'grade': it follows from the results of others"),
        (gateway, "the report says that the server was a mock of this project"),
        (no_contact, "result.yaml#/contact"),
        (misspelt, "unknown key 'measured_bye'. Did you mean 'measured_by'"),
        (elsewhere, "has the exchanges, and result.yaml says that they are at"),
        (another_day, "begin the name of the folder with that day"),
        (
            another_provider,
            "the bundle tests tokenhub: submit a bundle of one provider",
        ),
        (further_file, "has bundle.zip, notes.txt, result.yaml: it needs"),
        (file_outside, "README.md belongs to no submission"),
        (short_bundle, "has no exchanges.jsonl: say with 'bundle' in result.yaml"),
        (other_report, "report.jsonl was changed: its hash is not the one"),
    ],
)
def test_a_defect_of_a_submission_is_named(site, folder, defect, problem):
    defect(folder)

    status, said = published(site)

    assert (status, problem in said) == (1, True), said
    assert not (site / "results.html").exists()


def test_a_bundle_that_is_not_verified_is_refused(site, folder, monkeypatch):
    change(folder, "exchanges.jsonl", b'"status": ', b'"status": 1')
    monkeypatch.setenv("GITHUB_ACTIONS", "true")

    status, said = published(site, folder)

    assert status == 1
    assert f"::error file={folder}::record 1 (" in said
    assert not (site / "results.html").exists()


def test_a_large_bundle_is_somewhere_else(site, bundle, day):
    """The page needs the report alone; the whole bundle is downloaded and verified."""
    sha256 = hashlib.sha256(bundle.read_bytes()).hexdigest()
    facts = {"url": "https://example.org/run.zip", "sha256": sha256}
    short = without_exchanges(bundle)
    folder = write_submission(site, f"tokenhub/{day}-example", short, bundle=facts)
    found = read_submission(folder)

    assert published(site) == (0, "")
    assert 'href="https://example.org/run.zip"' in (site / "results.html").read_text()
    with serving_folder(bundle.parent) as url:
        there = replace(found, bundle_url=f"{url}/run.zip")
        assert list(verify_submission(folder, there)) == []
        (problem,) = verify_submission(folder, replace(there, bundle_sha256="0" * 64))
        assert f"has the hash {sha256}, and result.yaml says 0000" in problem
        (problem,) = verify_submission(folder, replace(there, bundle_id="1"))
        assert "is another bundle than" in problem
        (problem,) = verify_submission(folder, replace(there, bundle_url=f"{url}/no"))
        assert "/no cannot be downloaded: HTTP Error 404" in problem


def test_a_folder_that_is_no_submission_is_not_verified(site, tmp_path):
    status, said = published(site, tmp_path)

    assert (status, "is no submission below" in said) == (1, True)


def test_too_large_a_bundle_is_refused(site, folder):
    with zipfile.ZipFile(folder / "bundle.zip", "a") as out:
        out.writestr("files/large.bin", bytes(1_000_001))

    status, said = published(site)

    assert (status, "and at most 1,000,000 are kept here" in said) == (1, True)
    shutil.rmtree(folder)
    assert published(site)[0] == 0
