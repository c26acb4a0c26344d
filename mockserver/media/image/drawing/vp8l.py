"""
Write the pixels of a lossless WebP file in parts that are joined (RFC 9649, section 3).

A pixel is an index into a palette of 256 colours, a level, and the palette is a part of
its own. A row is coded as runs of one level, or as a copy of the row above. All files
have the same prefix codes, so that rows that were coded before and new rows can follow
each other.

Codes are strings of 0 and 1 in the order of the stream. Long parts are numbers whose
lowest bit comes first, since numbers are joined faster.
"""

import heapq
from collections.abc import Iterable
from functools import cache, lru_cache
from itertools import pairwise
from typing import NamedTuple

LEVELS = 256
LENGTHS = 24  # symbols for the lengths of copies
MAX_COPY = 4096  # pixels
_SIGNATURE = 0x2F
_COLOUR_INDEXING = 3  # number of the transform
_ABOVE, _LEFT = "0", "1"  # codes of the two distances: one row and one pixel
_ONE_SYMBOL_0 = "1000"  # a prefix code of the symbol 0 alone, which takes no bits
_SYMBOLS_0_AND_1 = "1100" + "10000000"
_REVERSED_BITS = bytes(int(f"{each:08b}"[::-1], 2) for each in range(256))
# How often levels occur beside the usual 1, and the lengths: it decides how short their
# codes are. The first are the panel and the letters of a scene.
_WEIGHTS = {20: 120, 255: 60, **dict.fromkeys(range(LEVELS, LEVELS + LENGTHS), 8)}


class Bits(NamedTuple):
    """A part of a stream: its bits as a number, and how many they are."""

    value: int
    length: int


def join_codes(codes: Iterable[str]) -> Bits:
    text = "".join(codes)
    return Bits(int(text[::-1] or "0", 2), len(text))


def _number(value: int, count: int) -> str:
    """Return a number of so many bits, the lowest first."""
    return f"{value:0{count}b}"[::-1]


@cache
def _prefix_codes() -> list[str]:
    """Return the codes of the levels and of the lengths."""
    lengths = _code_lengths()
    codes = [""] * len(lengths)
    code = before = 0
    for symbol in sorted(range(len(lengths)), key=lengths.__getitem__):
        code <<= lengths[symbol] - before
        before = lengths[symbol]
        codes[symbol] = f"{code:0{before}b}"
        code += 1
    return codes


@cache
def _code_lengths() -> list[int]:
    """Return the lengths of these codes, by Huffman's algorithm."""
    lengths = [0] * (LEVELS + LENGTHS)
    trees = [(_WEIGHTS.get(at, 1), [at]) for at in range(len(lengths))]
    heapq.heapify(trees)
    while len(trees) > 1:
        one, other = heapq.heappop(trees), heapq.heappop(trees)
        symbols = one[1] + other[1]
        for symbol in symbols:
            lengths[symbol] += 1
        heapq.heappush(trees, (one[0] + other[0], symbols))
    return lengths


def _describe_codes(lengths: Iterable[int]) -> str:
    """Return what declares a prefix code: each length is a number of 4 bits."""
    # Of the 19 symbols that describe lengths, in the order of the format, 17, 18 and 16
    # are for repetitions, which are not used here.
    used = "".join(_number(0 if at in {0, 1, 8} else 4, 3) for at in range(19))
    return "0" + _number(19 - 4, 4) + used + "0" + "".join(f"{n:04b}" for n in lengths)


@lru_cache(maxsize=1 << 13)
def _copy(count: int, distance: str) -> str:
    """Return the code of copied pixels, in several copies if they are many."""
    code = ""
    while count:
        value = min(count, MAX_COPY) - 1
        count -= value + 1
        symbol, more = value, 0
        if value >= 4:
            more = value.bit_length() - 2
            symbol = 2 * more + (value >> more)
        extra = _number(value % (1 << more), more) if more else ""
        code += _prefix_codes()[LEVELS + symbol] + extra + distance
    return code


@lru_cache(maxsize=1 << 13)
def code_run(level: int, count: int) -> str:
    """Code pixels of one level."""
    return _prefix_codes()[level] + _copy(count - 1, _LEFT) if count else ""


def code_row(row: bytes) -> str:
    code = ""
    while row:
        rest = row.lstrip(row[:1])
        code += code_run(row[0], len(row) - len(rest))
        row = rest
    return code


def code_rows(rows: Iterable[bytes]) -> Bits:
    codes, before, repeated = [], b"", 0
    for row in rows:
        if row == before:
            repeated += len(row)
            continue
        codes += [_copy(repeated, _ABOVE), code_row(row)]
        before, repeated = row, 0
    return join_codes([*codes, _copy(repeated, _ABOVE)])


@cache
def _before_palette(*, transparent: bool) -> Bits:
    eight_bits = [8] * LEVELS
    return join_codes(
        (
            _number(transparent, 1) + "000",  # the version
            "1" + _number(_COLOUR_INDEXING, 2) + _number(LEVELS - 1, 8),
            "0" + _describe_codes(eight_bits + [0] * LENGTHS),
            _describe_codes(eight_bits) * 3 + _ONE_SYMBOL_0,
        )
    )


@lru_cache(maxsize=1024)
def _code_palette(palette: bytes, *, transparent: bool) -> Bits:
    """Code the palette, each colour as its difference to the one before."""
    alpha = bytes((0 if transparent else 255, *[255] * (LEVELS - 1)))
    channels = (palette[1::3], palette[::3], palette[2::3], alpha)  # as in the format
    coded = bytearray(4 * LEVELS)
    for at, each in enumerate(channels):
        steps = [new - old & 255 for old, new in pairwise(each)]
        coded[at::4] = bytes((each[0], *steps))
    data = coded.translate(_REVERSED_BITS)
    return Bits(int.from_bytes(data, "little"), 8 * len(data))


@cache
def _after_palette() -> Bits:
    return join_codes(
        (
            "0",  # no other transform
            "00",  # one set of codes for all pixels, and no cache of colours
            _describe_codes(_code_lengths()),
            _ONE_SYMBOL_0 * 3 + _SYMBOLS_0_AND_1,
        )
    )


def assemble_stream(
    size: tuple[int, int], palette: bytes, rows: Iterable[Bits], *, transparent: bool
) -> bytes:
    """
    Join coded rows, from top to bottom, into a stream.

    `palette` has 256 colours of three bytes; level 0 of a transparent image is clear.
    """
    width, height = size
    stream, used = _SIGNATURE | (width - 1) << 8 | (height - 1) << 22, 36
    for part in (
        _before_palette(transparent=transparent),
        _code_palette(palette, transparent=transparent),
        _after_palette(),
        *rows,
    ):
        stream |= part.value << used
        used += part.length
    return stream.to_bytes(-(-used // 8), "little")
