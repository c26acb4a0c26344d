"""A ledger in a SQLite file, for the workers of one machine."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from contracts.ledger.base import (
    CANCELLED,
    AccountLimit,
    Answer,
    Begun,
    CampaignStatus,
    LaneRecord,
    LaneStatus,
    Lease,
    Ledger,
    Question,
    different_lane,
    lost_lease,
)
from contracts.ledger.errors import (
    CampaignCancelled,
    LaneBusy,
    LaneDiffers,
    LeaseLost,
    LedgerUnavailable,
)

LOCK_TIMEOUT = 30.0  # seconds, to wait for the other workers
MEMORY = ":memory:"
WRITING, READING = "BEGIN IMMEDIATE", "BEGIN"  # a reader waits for nobody

# A question is in flight while `reserved` has its price; `state` is how it ended last.
TABLES = """
CREATE TABLE IF NOT EXISTS campaigns (
  name TEXT PRIMARY KEY, started REAL NOT NULL, is_cancelled INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS lanes (
  campaign TEXT NOT NULL, name TEXT NOT NULL, identity TEXT NOT NULL,
  planned INTEGER NOT NULL, token INTEGER NOT NULL DEFAULT 0,
  expires REAL NOT NULL DEFAULT 0, holder TEXT NOT NULL DEFAULT '',
  result TEXT NOT NULL DEFAULT '', spent INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (campaign, name)
);
CREATE TABLE IF NOT EXISTS questions (
  campaign TEXT NOT NULL, lane TEXT NOT NULL, id TEXT NOT NULL,
  state TEXT, reserved INTEGER, price INTEGER NOT NULL DEFAULT 0, text TEXT,
  failed INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (campaign, lane, id)
);
CREATE TABLE IF NOT EXISTS accounts (name TEXT PRIMARY KEY, next REAL NOT NULL);
"""
SPEND_RESERVED = """
UPDATE lanes SET spent = spent + (
  SELECT COALESCE(SUM(reserved), 0) FROM questions
  WHERE campaign = lanes.campaign AND lane = lanes.name
) WHERE campaign = ? AND name = ?
"""
USED = """
SELECT spent + (
  SELECT COALESCE(SUM(reserved), 0) FROM questions
  WHERE campaign = lanes.campaign AND lane = lanes.name
) FROM lanes WHERE campaign = ? AND name = ?
"""
STATUS = """
SELECT lanes.name, planned, holder, expires, result, spent,
  COUNT(state = 'settled' OR NULL), COUNT(state = 'unsent' OR NULL),
  COUNT(state = 'lost' OR NULL), COUNT(reserved), TOTAL(failed), TOTAL(reserved)
FROM lanes LEFT JOIN questions
  ON questions.campaign = lanes.campaign AND questions.lane = lanes.name
WHERE lanes.campaign = :campaign AND lanes.name = IFNULL(:lane, lanes.name)
GROUP BY lanes.name
"""


class SqliteLedger(Ledger):
    """
    A ledger in a file, or in memory with the path `:memory:`.

    Each step is a transaction that waits for those of other processes, and is on the
    disk when it ends. Steps block the event loop: a lane has nothing else to do.
    """

    def __init__(self, path: str, campaign: str) -> None:
        super().__init__(campaign)
        self._path = path
        self._connection: sqlite3.Connection | None = None

    async def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> sqlite3.Connection:
        if self._path != MEMORY:
            Path(self._path).parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            self._path, timeout=LOCK_TIMEOUT, isolation_level=None
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(TABLES)
        return connection

    @contextmanager
    def _step(self, begin: str = WRITING) -> Iterator[sqlite3.Connection]:
        """A transaction; a step that raises changes nothing."""
        try:
            if self._connection is None:
                self._connection = self._connect()
            connection = self._connection
            connection.execute(begin)
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            raise LedgerUnavailable(
                f"the ledger {self._path} does not respond: {error}; nothing is sent "
                "without it"
            ) from None

    async def acquire(
        self, lane: str, *, identity: str, planned: int, holder: str, seconds: float
    ) -> Lease:
        now, key = time.time(), (self.campaign, lane)
        with self._step() as step:
            step.execute(
                "INSERT OR IGNORE INTO campaigns (name, started) VALUES (?, ?)",
                (self.campaign, now),
            )
            self._check_running(step)
            step.execute(
                "INSERT OR IGNORE INTO lanes (campaign, name, identity, planned) "
                "VALUES (?, ?, ?, ?)",
                (*key, identity, planned),
            )
            known, token, expires, other = step.execute(
                "SELECT identity, token, expires, holder FROM lanes "
                "WHERE campaign = ? AND name = ?",
                key,
            ).fetchone()
            if known != identity:
                raise LaneDiffers(different_lane(lane, known, identity))
            if expires > now:
                raise LaneBusy(lane, other, expires - now)
            step.execute(
                "UPDATE lanes SET token = ?, expires = ?, holder = ?, result = '' "
                "WHERE campaign = ? AND name = ?",
                (token + 1, now + seconds, holder, *key),
            )
            step.execute(SPEND_RESERVED, key)
            # The outcome of a task that was followed again stays, with its price.
            step.execute(
                "UPDATE questions SET price = price + reserved, reserved = NULL, "
                "state = COALESCE(state, 'lost') "
                "WHERE campaign = ? AND lane = ? AND reserved IS NOT NULL",
                key,
            )
        return Lease(lane, token + 1, holder, seconds)

    async def renew(self, lease: Lease) -> None:
        with self._step() as step:
            self._check_lease(step, lease)

    async def release(self, lease: Lease, result: str) -> None:
        with self._step() as step:
            self._check_lease(step, lease)
            step.execute(
                "UPDATE lanes SET expires = 0, result = ? "
                "WHERE campaign = ? AND name = ?",
                (result, self.campaign, lease.lane),
            )

    async def begin(self, lease: Lease, question: Question) -> Begun:
        key = (self.campaign, lease.lane)
        with self._step() as step:
            self._check_running(step)
            self._check_lease(step, lease)
            state, reserved = step.execute(
                "SELECT state, reserved FROM questions "
                "WHERE campaign = ? AND lane = ? AND id = ?",
                (*key, question.id),
            ).fetchone() or (None, None)
            continues = state == "settled" and question.continues
            if reserved is not None or (state in {"settled", "lost"} and not continues):
                return Begun(Answer.KNOWN)
            if question.budget is not None:
                (used,) = step.execute(USED, key).fetchone()
                if question.price is None or used + question.price > question.budget:
                    return Begun(Answer.OVER_BUDGET)
            if question.account is not None:
                wait = _take(step, question.account)
                if wait > 0:
                    return Begun(Answer.WAIT, wait)
            step.execute(
                "INSERT INTO questions (campaign, lane, id, reserved) "
                "VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                "reserved = excluded.reserved, state = IIF(?, state, NULL)",
                (*key, question.id, question.price or 0, continues),
            )
        return Begun(Answer.STARTED)

    async def settle(
        self,
        lease: Lease,
        question: str,
        *,
        row: str,
        cost: int | None = None,
        was_sent: bool = True,
        failed: bool = False,
    ) -> None:
        key = (self.campaign, lease.lane, question)
        with self._step() as step:
            self._check_lease(step, lease)
            state, reserved = step.execute(
                "SELECT state, reserved FROM questions "
                "WHERE campaign = ? AND lane = ? AND id = ?",
                key,
            ).fetchone() or (None, None)
            if not was_sent:
                is_known = state in {"settled", "lost"}
                step.execute(
                    "INSERT INTO questions (campaign, lane, id, state, text) "
                    "VALUES (?, ?, ?, 'unsent', ?) ON CONFLICT DO UPDATE SET "
                    "reserved = NULL, state = IIF(?, state, excluded.state), "
                    "text = IIF(?, text, excluded.text)",
                    (*key, row, is_known, is_known),
                )
                return
            if reserved is None:
                raise LeaseLost(lost_lease(lease))
            added = reserved if cost is None else cost
            step.execute(
                "UPDATE questions SET state = 'settled', reserved = NULL, text = ?, "
                "price = price + ?, failed = ? "
                "WHERE campaign = ? AND lane = ? AND id = ?",
                (row, added, failed, *key),
            )
            step.execute(
                "UPDATE lanes SET spent = spent + ? WHERE campaign = ? AND name = ?",
                (added, *key[:2]),
            )

    async def reopen(self, lease: Lease, questions: Sequence[str]) -> None:
        with self._step() as step:
            self._check_lease(step, lease)
            step.executemany(
                "UPDATE questions SET state = 'unsent', failed = 0 "
                "WHERE campaign = ? AND lane = ? AND id = ? AND state = 'settled'",
                [(self.campaign, lease.lane, each) for each in questions],
            )

    async def take(self, account: AccountLimit) -> float:
        with self._step() as step:
            return _take(step, account)

    async def record(self, lane: str) -> LaneRecord:
        with self._step(READING) as step:
            rows = step.execute(
                "SELECT id, state, price, text FROM questions "
                "WHERE campaign = ? AND lane = ? AND state IS NOT NULL ORDER BY rowid",
                (self.campaign, lane),
            ).fetchall()

        def texts(state: str) -> dict[str, str]:
            return {id_: text for id_, found, _, text in rows if found == state}

        lost = {id_: price for id_, state, price, _ in rows if state == "lost"}
        return LaneRecord(texts("settled"), texts("unsent"), lost)

    async def status(self, lane: str | None = None) -> CampaignStatus:
        with self._step(READING) as step:
            started, is_cancelled = step.execute(
                "SELECT started, is_cancelled FROM campaigns WHERE name = ?",
                (self.campaign,),
            ).fetchone() or (None, 0)
            chosen = {"campaign": self.campaign, "lane": lane}
            rows = step.execute(STATUS, chosen).fetchall()
        lanes = {each[0]: _lane_status(each) for each in rows}
        return CampaignStatus(started, bool(is_cancelled), lanes)

    async def cancel(self, *, undo: bool = False) -> None:
        with self._step() as step:
            step.execute(
                "INSERT INTO campaigns (name, started, is_cancelled) VALUES (?, ?, ?) "
                "ON CONFLICT DO UPDATE SET is_cancelled = excluded.is_cancelled",
                (self.campaign, time.time(), not undo),
            )

    def _check_running(self, step: sqlite3.Connection) -> None:
        found = step.execute(
            "SELECT 1 FROM campaigns WHERE name = ? AND is_cancelled", (self.campaign,)
        )
        if found.fetchone():
            raise CampaignCancelled(CANCELLED)

    def _check_lease(self, step: sqlite3.Connection, lease: Lease) -> None:
        """Renew the lease. Raises `LeaseLost`."""
        done = step.execute(
            "UPDATE lanes SET expires = ? WHERE campaign = ? AND name = ? "
            "AND token = ? AND holder = ?",
            (
                time.time() + lease.seconds,
                self.campaign,
                lease.lane,
                lease.token,
                lease.holder,
            ),
        )
        if not done.rowcount:
            raise LeaseLost(lost_lease(lease))


def _take(step: sqlite3.Connection, account: AccountLimit) -> float:
    now = time.time()
    (free_at,) = step.execute(
        "SELECT next FROM accounts WHERE name = ?", (account.name,)
    ).fetchone() or (0.0,)
    if free_at > now:
        return float(free_at - now)
    step.execute(
        "INSERT INTO accounts VALUES (?, ?) "
        "ON CONFLICT DO UPDATE SET next = excluded.next",
        (account.name, now + account.interval),
    )
    return 0.0


def _lane_status(row: tuple[Any, ...]) -> LaneStatus:
    name, planned, holder, expires, result, spent, *counts = row
    settled, unsent, lost, in_flight, failed, reserved = map(int, counts)
    return LaneStatus(
        name,
        planned=planned,
        settled=settled,
        unsent=unsent,
        lost=lost,
        in_flight=in_flight,
        failed=failed,
        spent=spent,
        reserved=reserved,
        holder=holder,
        seconds_left=max(0.0, expires - time.time()),
        result=result,
    )
