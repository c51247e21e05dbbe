#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""noise.py - makes a WAV of noise that is the same at each run, and finds its frames in a recording.

    noise.py make FILE.wav                       2 s of 16-bit stereo at 48 kHz, with silence at both ends
    noise.py find FILE.wav RECORDING s16|s32     0 when the recording is silence, all frames of the file, silence
    noise.py spoil RECORDING                     turns one bit over in the middle
"""
import random
import sys
import wave

RATE, SECONDS, FRAME_BYTES = 48000, 2, 4
EDGE_BYTES = RATE // 10 * FRAME_BYTES  # of silence, before and after the noise


def make(path):
    noise = random.Random(1).randbytes(RATE * SECONDS * FRAME_BYTES)
    with wave.open(path, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(bytes(EDGE_BYTES) + noise + bytes(EDGE_BYTES))


def recorded_s16(path, sample_format):
    """The recording as 16-bit frames; 32-bit samples must have nothing below their upper half."""
    with open(path, "rb") as file:
        raw = file.read()
    if sample_format == "s16":
        return raw
    if any(raw[0::4]) or any(raw[1::4]):
        sys.exit("the lower halves of 32-bit samples are not empty")
    upper = bytearray(len(raw) // 2)
    upper[0::2], upper[1::2] = raw[2::4], raw[3::4]
    return bytes(upper)


def find(wav_path, recording_path, sample_format):
    with wave.open(wav_path) as file:
        sent = file.readframes(file.getnframes())[EDGE_BYTES:-EDGE_BYTES]
    got = recorded_s16(recording_path, sample_format)
    lead = len(got) - len(got.lstrip(b"\0"))
    start = got.find(sent[:64], max(lead - FRAME_BYTES, 0))
    if start < 0 or start % FRAME_BYTES:
        sys.exit(f"the first frames are not in the recording ({len(got) // FRAME_BYTES} frames, {lead} bytes of silence)")
    part = got[start:start + len(sent)]
    if part != sent:
        same = next((i for i, (a, b) in enumerate(zip(part, sent)) if a != b), len(part))
        sys.exit(f"the recording differs from frame {same // FRAME_BYTES} of the noise on")
    if any(got[:start]) or any(got[start + len(sent):]):
        sys.exit("there is something else than silence around the noise")
    print(f"# {len(sent) // FRAME_BYTES} frames equal, from frame {start // FRAME_BYTES} of the recording on")


def spoil(path):
    with open(path, "r+b") as file:
        middle = file.seek(0, 2) // 2
        file.seek(middle)
        byte = file.read(1)[0]
        file.seek(middle)
        file.write(bytes([byte ^ 1]))


if __name__ == "__main__":
    {"make": make, "find": find, "spoil": spoil}[sys.argv[1]](*sys.argv[2:])
