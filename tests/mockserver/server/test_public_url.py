"""A server behind a proxy, and a server with HTTPS."""

import http.client
import json
import shutil
import ssl
import subprocess
from urllib.parse import urlsplit

import pytest
from support.http import ask, generation, url_of
from support.processes import MOCK, control, ended, refusal, serving

import mockserver
import specs

pytestmark = pytest.mark.slow

TIKHUB = specs.load("tikhub")
PUBLIC = "https://mock.example/ai"


def image_url(running, **headers):
    body = generation(TIKHUB, response_format="url")
    return ask(url_of(running, TIKHUB), body=body, **headers).json["data"][0]["url"]


def served_image_url(base):
    """The URL of an image of a server process with this base URL."""
    body = generation(TIKHUB, response_format="url")
    return ask(f"{base}/images/generations", body=body).json["data"][0]["url"]


def forwarded(**names):
    return {f"X_Forwarded_{name}": value for name, value in names.items()}


def test_all_urls_begin_with_the_public_one():
    with serving("tikhub", "--public-url", f"{PUBLIC}/") as (_, ready):
        assert ready["url"].startswith("http://127.0.0.1:")
        assert ready["public_url"] == PUBLIC
        assert ready["providers"] == {"tikhub": f"{PUBLIC}/tikhub/v1"}
        url = served_image_url(f"{ready['url']}/tikhub/v1")
        assert url.startswith(f"{PUBLIC}/_images/tikhub/")
        behind = url.replace(PUBLIC, ready["url"])
        assert ask(behind, method="GET").status == 200
        (listed,) = control(ready, "/providers").json["providers"]
        assert listed["base_url"] == f"{PUBLIC}/tikhub/v1"
        wrong = ask(f"{ready['url']}/tikhub/v1/nowhere", method="GET")
        assert f"{PUBLIC}/tikhub/v1" in wrong.body.decode()


def test_the_public_url_is_shown_to_people():
    process = subprocess.Popen(
        [*MOCK, "serve", "tikhub", "--port", "0", "--public-url", PUBLIC],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        first, second = process.stdout.readline(), process.stdout.readline()
    finally:
        process.terminate()
        ended(process)

    assert f"for clients of {PUBLIC}" in first
    assert f"{PUBLIC}/tikhub/v1" in second


@pytest.mark.parametrize(
    ("headers", "root"),
    [
        (forwarded(Proto="https", Host="mock.example", Prefix="/ai"), PUBLIC),
        (forwarded(Proto="https", Host="mock.example", Prefix="/ai/"), PUBLIC),
        (
            forwarded(Proto="https, http", Host="mock.example, b"),
            "https://mock.example",
        ),
        ({"Forwarded": "for=1.2.3.4;proto=https;host=a.test:44"}, "https://a.test:44"),
        (
            {"Forwarded": "proto=https;host=a.test", **forwarded(Prefix="/ai")},
            "https://a.test/ai",
        ),
        (forwarded(Proto="gopher", Host="a b", Prefix="nowhere"), None),
        (forwarded(Proto="https", Host="<script>", Prefix="/\"'<>"), "https://"),
        ({}, None),
    ],
)
def test_a_trusted_proxy_says_where_the_server_is(headers, root):
    with mockserver.running("tikhub", trust_forwarded=True) as running:
        expected = running.url if root is None else root
        if root == "https://":
            expected = running.url.replace("http://", "https://")

        url = image_url(running, **headers)

        assert url.startswith(f"{expected}/_images/")
        answer = ask(url.replace(expected, running.url), method="GET", key=None)
        assert answer.status == 200


def test_a_proxy_is_not_trusted_unless_it_is_said(mock):
    sent = forwarded(Proto="https", Host="evil.example", Prefix="/x")

    assert image_url(mock, **sent).startswith(f"{mock.url}/_images/")


def test_the_inspector_is_found_behind_a_prefix():
    with mockserver.running("tikhub", trust_forwarded=True) as running:
        sent = forwarded(Proto="https", Host="mock.example", Prefix="/ai")
        answer = ask(running.url + "/", method="GET", Accept="text/html", **sent)
        assert answer.headers["Location"] == "/ai/__mock__/"
        journal = f"{running.url}/__mock__/journal"
        page = "https://mock.example"
        assert ask(journal, method="GET", Origin=page, **sent).status == 200
        assert ask(journal, method="GET", Origin=page).status == 403


def test_the_control_api_tells_the_way_out(mock):
    answer = ask(
        f"{mock.url}/__mock__/journal", method="GET", Host="host.docker.internal:8080"
    )

    assert answer.status == 403
    said = answer.json["error"]["message"]
    assert "host.docker.internal:8080" in said
    assert "--token TEXT" in said
    assert "--host 0.0.0.0" in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--public-url", "mock.example"], "--public-url takes a URL such as https"),
        (["--public-url", "https://a/?x=1"], "without a query"),
        (["--public-url", "ftp://a"], "--public-url takes a URL"),
        (["--public-url", "http://a", "--trust-forwarded"], "give one"),
        (["--tls-cert", __file__], "--tls-cert and --tls-key belong together"),
        (["--tls-key", __file__], "--tls-cert and --tls-key belong together"),
        (["--tls-cert", __file__, "--tls-key", __file__], "no certificate and its key"),
        (["--tls-cert", "none.pem", "--tls-key", "none.pem"], "'none.pem' does not"),
        (["--image-urls", "cookie"], "'cookie' is not one of 'path', 'query'"),
    ],
)
def test_options_that_contradict_are_refused(options, said):
    error, status = refusal(*options)

    assert status == 2
    assert said in error
    assert len(error.splitlines()) == 1


# --- HTTPS ---


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for localhost that signs itself, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl on this machine")
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1"
    command += " -nodes -days 2 -subj /CN=localhost"
    command += " -addext subjectAltName=DNS:localhost,IP:127.0.0.1"
    subprocess.run(
        [*command.split(), "-keyout", key, "-out", cert],
        check=True,
        capture_output=True,
    )
    return str(cert), str(key)


def over_tls(url, certificate, body=None, **headers):
    """Status and body of a request over HTTPS, with the certificate checked."""
    context = ssl.create_default_context(cafile=certificate[0])
    parts = urlsplit(url)
    connection = http.client.HTTPSConnection(parts.netloc, timeout=30, context=context)
    sent = {"Authorization": "Bearer k", "Content-Type": "application/json", **headers}
    method = "GET" if body is None else "POST"
    try:
        connection.request(method, parts.path, body and json.dumps(body), sent)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_providers_images_and_control_api_are_served_over_https(certificate, workers):
    cert, key = certificate
    options = ("--tls-cert", cert, "--tls-key", key, "--workers", workers)
    with serving("tikhub", *options) as (_, ready):
        assert ready["url"].startswith("https://127.0.0.1:")
        base = ready["providers"]["tikhub"]
        assert base.startswith("https://")
        for _ in range(4):
            status, body = over_tls(
                f"{base}/images/generations",
                certificate,
                generation(TIKHUB, response_format="url"),
            )
            assert status == 200
            image = json.loads(body)["data"][0]["url"]
            assert image.startswith(f"{ready['url']}/_images/")
            assert over_tls(image, certificate)[0] == 200
        assert over_tls(f"{ready['url']}/__mock__/health", certificate)[0] == 200


def test_a_fault_reaches_a_client_over_https(certificate):
    cert, key = certificate
    with serving("tikhub", "--tls-cert", cert, "--tls-key", key) as (_, ready):
        url, body = f"{ready['providers']['tikhub']}/images/generations", {"model": "x"}
        for fault in ("reset", "empty", "truncate"):
            with pytest.raises((http.client.HTTPException, OSError)):
                over_tls(url, certificate, body, **{"X-Mock-Fault": fault})


def test_who_speaks_http_to_https_does_not_stop_it(certificate):
    cert, key = certificate
    with serving("tikhub", "--tls-cert", cert, "--tls-key", key) as (process, ready):
        plain = ready["url"].replace("https:", "http:")
        with pytest.raises((http.client.HTTPException, OSError)):
            ask(f"{plain}/__mock__/health", method="GET")
        assert over_tls(f"{ready['url']}/__mock__/health", certificate)[0] == 200
        process.terminate()
        assert ended(process)[1] == ""


# --- The secret of image URLs ---


def restarted(*options, **environment):
    """The status of an image URL at the next server with the same options."""
    with serving("tikhub", *options, **environment) as (_, ready):
        url = served_image_url(ready["providers"]["tikhub"])
    with serving("tikhub", *options, **environment) as (_, ready):
        again = ready["url"] + urlsplit(url).path
        return ask(again, method="GET", key=None).status


def test_urls_outlive_a_restart_with_the_same_secret():
    assert restarted("--secret", "one of mine") == 200
    assert restarted(IMAGEPARITY_SECRET="one of mine") == 200
    assert restarted() == 404
