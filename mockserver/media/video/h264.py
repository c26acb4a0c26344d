"""
An H.264 stream (constrained baseline) of pictures that are stored, not compressed.

The first picture is coded in itself: a macroblock that continues the row of pixels
above it or the column to the left of it takes two bytes; any other is stored as its 384
bytes (`I_PCM`). In the pictures after it, a macroblock that did not change takes
nothing, and one that changed is stored. So no pixel is calculated in Python, and a
decoder shows exactly the pixels that were drawn.

Names of syntax elements are those of ITU-T H.264.
"""

import re
from collections.abc import Iterable, Mapping

from mockserver.media.video.planes import (
    EDGE,
    Picture,
    differing_from_neighbours,
    macroblock,
)

PROFILE = 66  # baseline
CONSTRAINTS = 0xC0  # constrained baseline
# Level, macroblocks per second, macroblocks per picture (table A-1). Lower levels are
# left out: they allow too few bits for stored macroblocks.
_LEVELS = (
    (30, 40_500, 1_620),
    (31, 108_000, 3_600),
    (32, 216_000, 5_120),
    (40, 245_760, 8_192),
    (42, 522_240, 8_704),
    (50, 589_824, 22_080),
    (51, 983_040, 36_864),
    (52, 2_073_600, 36_864),
)
_SLICE_OF_P, _SLICE_OF_I = 5, 7  # slice_type: all slices of the picture are alike
_FRAME_NUMBER_BITS = 4


def unsigned(value: int) -> str:
    """The bits of an unsigned Exp-Golomb code, `ue(v)`."""
    digits = f"{value + 1:b}"
    return "0" * (len(digits) - 1) + digits


_ZERO = "1"  # `ue(0)`, and `se(0)`
_PCM_IN_I, _PCM_IN_P = unsigned(25), unsigned(30)  # mb_type
# mb_type and intra_chroma_pred_mode of a prediction from above or from the left.
_LUMA_FROM_ABOVE, _LUMA_FROM_LEFT = unsigned(1), unsigned(2)
_CHROMA_FROM_ABOVE, _CHROMA_FROM_LEFT = unsigned(2), unsigned(1)
# coeff_token for no coefficients; the second after a neighbour that is stored.
_NO_COEFFICIENTS = ("1", "000011")


def level_of(columns: int, rows: int, frame_rate: int) -> int:
    """Return the lowest level for pictures of so many macroblocks."""
    count = columns * rows
    for level, per_second, per_picture in _LEVELS:
        is_square_enough = max(columns, rows) ** 2 <= 8 * per_picture
        if (
            is_square_enough
            and count <= per_picture
            and count * frame_rate <= per_second
        ):
            return level
    raise ValueError(f"no level of H.264 has {columns}x{rows} macroblocks")


def parameter_sets(
    width: int, height: int, frame_rate: int, *, is_fixed_rate: bool
) -> tuple[bytes, bytes]:
    """
    Return the sequence and the picture parameter set.

    `is_fixed_rate` says that each frame is shown equally long.
    """
    columns, rows = -(-width // EDGE), -(-height // EDGE)
    level = level_of(columns, rows, frame_rate)
    sequence = [
        f"{PROFILE:08b}{CONSTRAINTS:08b}{level:08b}",
        unsigned(0),  # seq_parameter_set_id
        unsigned(_FRAME_NUMBER_BITS - 4),  # log2_max_frame_num_minus4
        unsigned(2),  # pic_order_cnt_type: pictures are shown in their order here
        unsigned(1),  # max_num_ref_frames
        "0",  # gaps_in_frame_num_value_allowed_flag
        unsigned(columns - 1),
        unsigned(rows - 1),
        "1",  # frame_mbs_only_flag
        "1",  # direct_8x8_inference_flag
        "1",  # frame_cropping_flag; left, right, top, bottom in units of 2 pixels
        unsigned(0),
        unsigned((columns * EDGE - width) // 2),
        unsigned(0),
        unsigned((rows * EDGE - height) // 2),
        "1",  # vui_parameters_present_flag
        "00",  # no aspect_ratio_info, no overscan_info
        # video_signal_type: unspecified format, limited range, colours of BT.709
        f"1{5:03b}01{1:08b}{1:08b}{1:08b}",
        "0",  # chroma_loc_info_present_flag
        # timing_info: a frame has two ticks
        f"1{1:032b}{2 * frame_rate:032b}{is_fixed_rate:b}",
        "000",  # no nal_hrd_parameters, no vcl_hrd_parameters, no pic_struct
        "11",  # bitstream_restriction; motion vectors may leave the picture
        *(unsigned(0), unsigned(0)),  # no limit of bytes per picture, bits per block
        *(unsigned(16), unsigned(16)),  # lengths of motion vectors
        *(unsigned(0), unsigned(1)),  # no reordering, one picture is kept
    ]
    picture = [
        *(unsigned(0), unsigned(0)),  # pic_parameter_set_id, seq_parameter_set_id
        "00",  # CAVLC, no bottom_field_pic_order
        unsigned(0),  # num_slice_groups_minus1
        *(unsigned(0), unsigned(0)),  # one reference picture
        "000",  # no weighted prediction
        *(_ZERO, _ZERO, _ZERO),  # quantisers: unused
        "1",  # deblocking_filter_control_present_flag
        "00",  # no constrained_intra_pred, no redundant_pic_cnt
    ]
    return _unit(0x67, ["".join(sequence)]), _unit(0x68, ["".join(picture)])


class Encoder:
    """The slices of a stream, one for each picture, in order."""

    def __init__(self) -> None:
        self._number = 0  # pictures since the last one that is coded in itself
        self._cuts = 0

    def whole_picture(self, picture: Picture) -> bytes:
        """Return a picture that needs no other one (`IDR`)."""
        self._number = 0
        self._cuts += 1
        header = self._header(_SLICE_OF_I, unsigned(self._cuts % 2), "00")
        return _unit(0x65, [header, *_whole_picture_parts(picture)])

    def changed_picture(self, changed: Mapping[int, bytes], macroblocks: int) -> bytes:
        """
        Return a picture that is the one before it with some macroblocks changed.

        `changed` has the new bytes by number; `macroblocks` is the number of all.
        """
        self._number += 1
        parts: list[str | bytes] = [self._header(_SLICE_OF_P, "", "0")]
        following = 0
        for number, stored in sorted(changed.items()):
            parts += [unsigned(number - following) + _PCM_IN_P, stored]
            following = number + 1
        if following < macroblocks:
            parts.append(unsigned(macroblocks - following))
        return _unit(0x61, parts)

    def _header(self, slice_type: int, idr_pic_id: str, marking: str) -> str:
        """`marking` is all of dec_ref_pic_marking."""
        number = self._number % 2**_FRAME_NUMBER_BITS
        is_p = slice_type == _SLICE_OF_P
        return "".join(
            (
                unsigned(0),  # first_mb_in_slice
                unsigned(slice_type),
                unsigned(0),  # pic_parameter_set_id
                f"{number:0{_FRAME_NUMBER_BITS}b}",
                idr_pic_id,
                "00" if is_p else "",  # one reference picture, in its place
                marking,
                _ZERO,  # slice_qp_delta
                unsigned(1),  # disable_deblocking_filter_idc
            )
        )


def _whole_picture_parts(picture: Picture) -> Iterable[str | bytes]:
    """The macroblocks of a picture that is coded in itself."""
    luma_left, chroma_left = differing_from_neighbours(picture.planes, 1, 0)
    luma_above, chroma_above = differing_from_neighbours(picture.planes, 0, 1)
    columns = picture.columns
    stored_above = [False] * columns
    number = 0
    for row in range(picture.rows):
        stored_left = False
        for column in range(columns):
            luma = chroma = ""
            if row and not luma_above[number]:
                luma = _LUMA_FROM_ABOVE
            elif column and not luma_left[number]:
                luma = _LUMA_FROM_LEFT
            if row and not chroma_above[number]:
                chroma = _CHROMA_FROM_ABOVE
            elif column and not chroma_left[number]:
                chroma = _CHROMA_FROM_LEFT
            is_stored = not (luma and chroma)
            if is_stored:
                yield _PCM_IN_I
                yield macroblock(picture.planes, column, row)
            else:
                token = _NO_COEFFICIENTS[stored_left or stored_above[column]]
                yield luma + chroma + _ZERO + token
            stored_left = stored_above[column] = is_stored
            number += 1


_NEEDS_ESCAPE = re.compile(rb"\0\0(?=[\0-\3])")


def _unit(header: int, parts: Iterable[str | bytes]) -> bytes:
    """
    Return a NAL unit.

    A text in `parts` has bits, "0" and "1". Bytes begin at the next whole byte, after
    bits that are 0.
    """
    data = bytearray()
    bits: list[str] = []
    for part in parts:
        if isinstance(part, str):
            bits.append(part)
        else:
            data += _packed("".join(bits))
            bits.clear()
            data += part
    data += _packed("".join(bits) + "1")  # rbsp_stop_one_bit
    return bytes([header]) + _NEEDS_ESCAPE.sub(b"\0\0\3", bytes(data))


def _packed(bits: str) -> bytes:
    """Pack bits into bytes; the last byte is filled with zeros."""
    count = -(-len(bits) // 8)
    return int(bits.ljust(count * 8, "0") or "0", 2).to_bytes(count, "big")
