"""
Write an MP4 file whose index precedes its data, and read boxes of one.

Times of the movie are in milliseconds. Box names and fields are those of ISO 14496-12.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

MOVIE_TIMESCALE = 1000
_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_UNDETERMINED_LANGUAGE = 0x55C4


@dataclass(frozen=True, slots=True)
class Track:
    """
    A track of a movie.

    `entry` is its sample entry, `header` its media header box, `handler` the type of
    its media. Each sample lasts `step` units of `timescale`; the last one ends with
    `duration`, in the same units. `sync` has the numbers, from 1, of the samples that
    need no other one; None: all. `width` and `height` are 0 for sound.
    """

    handler: bytes
    entry: bytes
    header: bytes
    samples: Sequence[bytes]
    timescale: int
    step: int
    duration: int
    sync: Sequence[int] | None = None
    width: int = 0
    height: int = 0

    def chunks(self) -> list[Sequence[bytes]]:
        """The samples in chunks, each of about a second."""
        size = max(1, self.timescale // self.step)
        starts = range(0, len(self.samples), size)
        return [self.samples[at : at + size] for at in starts]


def box(name: bytes, *parts: bytes) -> bytes:
    data = b"".join(parts)
    return struct.pack(">I4s", 8 + len(data), name) + data


def full_box(name: bytes, *parts: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(name, struct.pack(">I", version << 24 | flags), *parts)


def movie(tracks: Sequence[Track], notes: Mapping[bytes, str]) -> bytes:
    """
    Return the whole file.

    `notes` are texts for players by the name of their box, such as `©cmt`. The chunks
    of the tracks alternate, so that a player can begin before it has all.
    """
    kind = box(b"ftyp", b"isom", struct.pack(">I", 512), b"isomiso2avc1mp41")
    order = sorted(
        (turn, number)
        for number, track in enumerate(tracks)
        for turn in range(len(track.chunks()))
    )
    chunks = [tracks[number].chunks()[turn] for turn, number in order]
    # The length of the index does not depend on the offsets in it.
    zeros = [[0] * len(track.chunks()) for track in tracks]
    at = len(kind) + len(_index(tracks, zeros, notes)) + 8
    offsets: list[list[int]] = [[] for _ in tracks]
    for (_, number), chunk in zip(order, chunks, strict=True):
        offsets[number].append(at)
        at += sum(map(len, chunk))
    data = (sample for chunk in chunks for sample in chunk)
    return kind + _index(tracks, offsets, notes) + box(b"mdat", *data)


def _index(
    tracks: Sequence[Track],
    offsets: Sequence[Sequence[int]],
    notes: Mapping[bytes, str],
) -> bytes:
    duration = max(map(_milliseconds, tracks))
    header = full_box(
        b"mvhd",
        struct.pack(">4I", 0, 0, MOVIE_TIMESCALE, duration),
        struct.pack(">IH10x", 0x10000, 0x100),  # rate 1, volume 1
        _MATRIX,
        bytes(24),
        struct.pack(">I", len(tracks) + 1),
    )
    return box(
        b"moov",
        header,
        *(
            _track(track, number, offsets[number - 1])
            for number, track in enumerate(tracks, 1)
        ),
        box(b"udta", _notes(notes)),
    )


def _milliseconds(track: Track) -> int:
    return track.duration * MOVIE_TIMESCALE // track.timescale


def _track(track: Track, number: int, offsets: Sequence[int]) -> bytes:
    header = full_box(
        b"tkhd",
        struct.pack(">5I8x", 0, 0, number, 0, _milliseconds(track)),
        struct.pack(">4H", 0, 0, 0 if track.width else 0x100, 0),
        _MATRIX,
        struct.pack(">2I", track.width << 16, track.height << 16),
        flags=3,  # enabled, and part of the movie
    )
    media_header = full_box(
        b"mdhd",
        struct.pack(">4I", 0, 0, track.timescale, track.duration),
        struct.pack(">2H", _UNDETERMINED_LANGUAGE, 0),
    )
    handler = full_box(b"hdlr", struct.pack(">I4s13x", 0, track.handler))
    own_file = box(
        b"dinf", full_box(b"dref", struct.pack(">I", 1), full_box(b"url ", flags=1))
    )
    return box(
        b"trak",
        header,
        box(
            b"mdia",
            media_header,
            handler,
            box(b"minf", track.header, own_file, _sample_table(track, offsets)),
        ),
    )


def _sample_table(track: Track, offsets: Sequence[int]) -> bytes:
    count = len(track.samples)
    rest = track.duration - track.step * (count - 1)
    durations = [each for each in ((count - 1, track.step), (1, rest)) if each[0]]
    runs = []
    first = 1
    for size, alike in groupby(map(len, track.chunks())):
        runs.append((first, size, 1))
        first += len(list(alike))
    tables = [
        full_box(b"stsd", struct.pack(">I", 1), track.entry),
        full_box(b"stts", _table(durations)),
        full_box(b"stsc", _table(runs)),
        full_box(
            b"stsz",
            struct.pack(f">2I{count}I", 0, count, *map(len, track.samples)),
        ),
        full_box(b"stco", _table([(each,) for each in offsets])),
    ]
    if track.sync is not None:
        tables.insert(2, full_box(b"stss", _table([(each,) for each in track.sync])))
    return box(b"stbl", *tables)


def _table(rows: Sequence[tuple[int, ...]]) -> bytes:
    numbers = [number for row in rows for number in row]
    return struct.pack(f">I{len(numbers)}I", len(rows), *numbers)


def _notes(notes: Mapping[bytes, str]) -> bytes:
    items = [
        box(name, box(b"data", struct.pack(">2I", 1, 0), text.encode()))
        for name, text in notes.items()
    ]
    handler = full_box(b"hdlr", struct.pack(">I4s4s9x", 0, b"mdir", b"appl"))
    return full_box(b"meta", handler, box(b"ilst", *items))


def video_entry(
    width: int, height: int, sequence: bytes, picture: bytes, configuration: bytes
) -> bytes:
    """
    Return the sample entry of H.264 whose parameter sets are in the index.

    `configuration` is profile, constraints and level.
    """
    sets = (
        struct.pack(">BH", 0xE1, len(sequence)) + sequence,
        struct.pack(">BH", 1, len(picture)) + picture,
    )
    return box(
        b"avc1",
        struct.pack(">6xH16x2H", 1, width, height),
        struct.pack(">2I4xH32xHh", 0x480000, 0x480000, 1, 24, -1),
        box(b"avcC", b"\1", configuration, b"\xff", *sets),
        box(b"colr", struct.pack(">4s3HB", b"nclx", 1, 1, 1, 0)),
    )


def sound_entry(sample_rate: int, decoder_config: bytes, frame_size: int) -> bytes:
    """Return the sample entry of AAC with one channel."""
    specific = _descriptor(5, decoder_config)
    buffer = struct.pack(">I", frame_size)[1:]
    rate = frame_size * 8 * sample_rate // 1024
    decoder = _descriptor(
        4, b"\x40\x15", buffer, struct.pack(">2I", rate, rate), specific
    )
    stream = _descriptor(3, b"\0\0\0", decoder, _descriptor(6, b"\2"))
    return box(
        b"mp4a",
        struct.pack(">6xH8x2H4xI", 1, 1, 16, sample_rate << 16),
        full_box(b"esds", stream),
    )


def _descriptor(tag: int, *parts: bytes) -> bytes:
    data = b"".join(parts)
    return bytes([tag, len(data)]) + data


VIDEO_HEADER = full_box(b"vmhd", bytes(8), flags=1)
SOUND_HEADER = full_box(b"smhd", bytes(4))


def boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """
    Yield name, start and end of the content of each box in a part of a file.

    The end of a box is at most `end`; reading stops at a length that cannot be.
    """
    while start + 8 <= end:
        length, name = struct.unpack_from(">I4s", data, start)
        content = start + 8
        if length == 1 and content + 8 <= end:
            (length,) = struct.unpack_from(">Q", data, content)
            content += 8
        elif length == 0:
            length = end - start
        if length < content - start:
            return
        yield name, content, min(start + length, end)
        start += length


def find_box(data: bytes, *path: bytes) -> tuple[int, int] | None:
    """Return start and end of the content of the first box at a path; or None."""
    start, end = 0, len(data)
    for name in path:
        found = next((box for box in boxes(data, start, end) if box[0] == name), None)
        if found is None:
            return None
        # The box `meta` has a version before the boxes in it.
        start, end = found[1] + (4 if name == b"meta" else 0), found[2]
    return start, end


def read_note(data: bytes, name: bytes) -> str:
    """Return a text for players; empty if the file has none of this name."""
    place = find_box(data, b"moov", b"udta", b"meta", b"ilst", name, b"data")
    if place is None:
        return ""
    return data[place[0] + 8 : place[1]].decode("utf-8", "replace")
