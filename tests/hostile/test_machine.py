"""Random sequences of requests, compared with a simple model of a mock."""

import os
from collections import deque
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from support.http import ask, control, generation, url_of

import mockserver
import specs

pytestmark = pytest.mark.slow

NOON = "2026-05-04T12:00:00Z"
PROVIDERS = ("tikhub", "openai")
FIELDS = {"tikhub": {"response_format": "url"}}  # URLs of one, base64 of the other
LIMIT = 3  # a minute: a request is due every twenty seconds
KEPT = 12
EXAMPLES = 400 if os.environ.get("SOAK") else 25
NAMESPACES = ("", "a")
LOADED = {name: specs.load(name) for name in PROVIDERS}

namespaces = st.sampled_from(NAMESPACES)
providers = st.sampled_from([PROVIDERS[0]] * 3 + [PROVIDERS[1]])
keys = st.sampled_from(["sk-one"] * 3 + ["sk-two"])
errors = st.sampled_from(["rate_limited", "server_error", "unauthenticated"])


@pytest.fixture(scope="module")
def server():
    with mockserver.running(
        *PROVIDERS, frozen=NOON, requests_per_minute=LIMIT, seed=7
    ) as running:
        running._context.store.journal._max_entries = KEPT
        yield running


@pytest.fixture(autouse=True)
def unhurt():
    """Disabled: the state machine checks the server itself."""


class Mock(RuleBasedStateMachine):
    """A mock, and a simple model of its state."""

    server = None

    @initialize()
    def begin(self):
        self.send("/reset", "POST")
        self.now = self.first = self.clock()["now"]
        self.scripts = {}
        self.levels = {}
        self.entries = []
        self.addresses = deque(maxlen=3)

    def send(self, path, method="GET", body=None):
        answer = control(self.server, path, method, body)
        assert answer.status == 200, answer.body
        return answer.json

    def clock(self):
        return self.send("/clock")

    @rule(
        provider=providers,
        namespace=namespaces,
        key=keys,
        wished=st.sampled_from([None, None, None, "rate_limited", "server_error"]),
        is_good=st.sampled_from([True, True, True, False]),
        times=st.integers(1, LIMIT + 2),
    )
    def ask(self, provider, namespace, key, wished, is_good, times):
        """Precedence of a response: script, header, quota, document."""
        document = LOADED[provider]
        headers = {"X_Mock_Error": wished} if wished else {}
        if namespace:
            headers["X_Mock_Namespace"] = namespace
        more = FIELDS.get(provider, {})
        body = generation(document, n=1 if is_good else 0, **more)
        documented = document.dialect.url_lifetime
        lifetime = documented.seconds if documented else 3600
        for _ in range(times):
            expected = self.expected(provider, namespace, key, wished, is_good)

            answer = ask(url_of(self.server, document), body=body, key=key, **headers)

            assert answer.status == expected, answer.body
            self.entries.append((namespace, provider, expected))
            del self.entries[:-KEPT]
            given = answer.json["data"][0] if expected == 200 else {}
            if "url" in given:
                until = self.now + lifetime
                self.addresses.append((given["url"], until, namespace, provider))

    @rule(namespace=namespaces)
    def use_up(self, namespace):
        self.ask(PROVIDERS[0], namespace, "sk-one", None, True, LIMIT + 1)

    def expected(self, provider, namespace, key, wished, is_good):
        catalogue = LOADED[provider].operations["createImage"].errors
        script = self.scripts.get((provider, namespace))
        item = script.popleft() if script else None
        name = item if item not in {None, "latency"} else wished
        if name is not None:
            return catalogue[name].status
        bucket = namespace, provider, key
        level = self.levels.get(bucket, Fraction(LIMIT))
        if level < 1:
            return catalogue["rate_limited"].status
        self.levels[bucket] = level - 1
        return 200 if is_good else catalogue["invalid_request"].status

    @rule(
        provider=providers,
        namespace=namespaces,
        items=st.lists(errors | st.just("latency"), min_size=1, max_size=3),
    )
    def script(self, provider, namespace, items):
        written = [
            {"latency_ms": 0} if each == "latency" else {"error": each}
            for each in items
        ]
        self.send(f"/script/{provider}?namespace={namespace}", "POST", written)
        self.scripts.setdefault((provider, namespace), deque()).extend(items)

    @rule(seconds=st.sampled_from([10, 20, 50, 3590, 3600, 3600]))
    def wait(self, seconds):
        """Quotas refill and URLs age."""
        self.send("/clock", "POST", {"advance_s": seconds})
        self.now += seconds
        for bucket, level in self.levels.items():
            self.levels[bucket] = min(
                Fraction(LIMIT), level + Fraction(seconds * LIMIT, 60)
            )

    @rule(minutes=st.sampled_from([0, 1, 59, 60, 61]))
    def stop_at_another_time(self, minutes):
        """URLs follow the clock; quotas do not refill."""
        moment = f"2026-05-04T{13 + minutes // 60}:{minutes % 60:02d}:00Z"
        self.send("/clock", "POST", {"freeze": moment})
        self.now = self.first + 3600 + 60 * minutes

    @rule(namespace=st.none() | namespaces, what=st.sampled_from(["all", "journal"]))
    def wipe(self, namespace, what):
        query = "" if namespace is None else f"?namespace={namespace}"
        if what == "journal":
            self.send(f"/journal{query}", "DELETE")
        elif namespace is None:
            addresses = self.addresses
            self.begin()
            self.addresses = addresses  # nobody has to remember them
        else:
            self.send(f"/reset{query}", "POST")
            for known in (self.scripts, self.levels):
                for entry in [key for key in known if namespace in key[:2]]:
                    del known[entry]
        self.entries = [
            each for each in self.entries if namespace not in {None, each[0]}
        ]

    @rule(has_trouble=st.booleans())
    def read_the_documents_again(self, has_trouble):
        """A reload keeps the state and the behavior."""
        if has_trouble:
            self.server._context.reload_error = "a document that makes no sense"
            assert self.send("/health")["status"] == "degraded"
        self.server._context.load(list(LOADED.values()))
        assert self.send("/health")["status"] == "ok"

    @invariant()
    def the_journal_is_bounded_and_says_what_came(self):
        if not hasattr(self, "entries"):
            return
        found = self.send("/journal")["entries"]
        shown = [
            (each["namespace"], each["provider"], each["status"]) for each in found
        ]
        assert len(shown) <= KEPT
        assert shown == self.entries
        for namespace in NAMESPACES[1:]:
            said = self.send(f"/journal/count?namespace={namespace}")["count"]
            assert said == len([each for each in shown if each[0] == namespace])

    @invariant()
    def an_address_is_good_exactly_while_it_lives(self):
        for url, until, namespace, provider in getattr(self, "addresses", ()):
            answer = ask(url, method="GET", key=None)
            is_good = self.now < until
            assert answer.status == (200 if is_good else 403)
            downloaded = (namespace if is_good else "", provider, answer.status)
            self.entries.append(downloaded)
        del self.entries[:-KEPT]

    @invariant()
    def the_clock_is_what_it_was_set_to(self):
        if hasattr(self, "now"):
            assert self.clock()["now"] == pytest.approx(self.now)

    @invariant()
    def a_script_waits_in_its_order(self):
        for (provider, namespace), items in getattr(self, "scripts", {}).items():
            waiting = self.send(f"/script/{provider}?namespace={namespace}")["items"]
            assert [each.get("error", "latency") for each in waiting] == list(items)


def test_a_mock_is_what_it_says_it_is(server):
    Mock.server = server
    run_state_machine_as_test(
        Mock,
        settings=settings(
            deadline=None,
            max_examples=EXAMPLES,
            stateful_step_count=30,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
