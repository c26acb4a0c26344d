"""
The sound of a video: a tone in AAC-LC, mono, 48 kHz.

One frame of AAC is kept here and repeated. The tone has exactly 9 periods in the 1024
samples of a frame, so that a frame continues the one before it. It was made once:

    ffmpeg -f lavfi -i "aevalsrc=0.2*sin(2*PI*421.875*t):s=48000:d=2" -c:a aac -ac 1 \
      -b:a 32k -aac_pns 0 -aac_tns 0 -cutoff 4000 -flags +bitexact tone.aac

This is frame 21 without its ADTS header: of frames 10 to 59 the one whose repetition
differs least from the tone, by -45 dB.
"""

SAMPLE_RATE = 48_000
SAMPLES_PER_FRAME = 1024
FREQUENCY = 9 * SAMPLE_RATE / SAMPLES_PER_FRAME  # in Hz
# AudioSpecificConfig: AAC-LC (2), 48 kHz (3), one channel (1).
DECODER_CONFIG = bytes.fromhex("1188")
FRAME = bytes.fromhex(
    "00e82bad4cd3f6ffe9fc7fa7ff3f89d65524925fc4f01aa0b7376eb14626f2cf07de94284ad1b16f"
    "b2e8ea65d5156a910099d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9faf0c70c70ebc31c31c3"
    "1c19d9d9d9f8"
)


def frames_of_sound(milliseconds: int) -> int:
    """Return the number of frames that cover a duration."""
    samples = milliseconds * SAMPLE_RATE // 1000
    return -(-samples // SAMPLES_PER_FRAME)
