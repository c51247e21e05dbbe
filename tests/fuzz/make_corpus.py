#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# make_corpus.py - writes what the fuzzers begin with, from the examples of api.def: make_corpus.py API.DEF FOLDER
import math
import os
import re
import struct
import sys

PATTERNS = ["//", "/*", "/voice/*", "/{stop,pause,resume}", "//set", "/[a-z]*/list", "/?us/set", "/p*[!x]", "/voice//"]
LINES = ["voice/set 1 gain +3 pan -0.5 ramp 2 curve db #17", "play bell id lead loop true at 0.5 tag intro",
         'play "two words.wav" bus "m\\x61ster" policy drop', "stop all bus music fade 1e-1", "seek lead +-2.5",
         "voice/set 1 rate -3 immediate 1", "clear intro", "subscribe // 0.1 30", "bus/set music gain -inf",
         "sync 9223372036854775807", 'ping "" "\\"\\\\\\n\\t" 3.141592653589793 false']


def padded(text):
    data = text if isinstance(text, bytes) else text.encode()
    return data + b"\0" * (4 - len(data) % 4)


def value_of(word):
    """Tag and data of a word, as a line of text has it."""
    if re.fullmatch(r"-?\d+", word):
        return "i", struct.pack(">i", int(word))
    if re.fullmatch(r"-?\d*\.\d+", word):
        return "f", struct.pack(">f", float(word))
    return "s", padded(word)


def message(path, *words):
    values = [value_of(word) for word in words]
    return padded(path) + padded("," + "".join(v[0] for v in values)) + b"".join(v[1] for v in values)


def bundle(time_tag, *packets):
    return b"#bundle\0" + struct.pack(">Q", time_tag) + b"".join(struct.pack(">I", len(p)) + p for p in packets)


def every_type():
    data = struct.pack(">iqfd", -5, -6, 0.5, -0.25) + padded("text") + padded("") + struct.pack(">I", 5) + b"blob!\0\0\0"
    data += struct.pack(">IQIII", ord("c"), 1 << 60, 0xFF00FF00, 0x903C7F, 77) + struct.pack(">f", math.pi)
    return padded("/ping") + padded(",ihfdsSbctrmTFNI[i[f]]") + data


def table(api):
    """Every method with its example, and the words that it takes."""
    with open(api, encoding="utf-8") as file:
        text = file.read()
    methods = {}
    for row in re.findall(r'^METHOD\((.*?)\)\n(?=\n|ARG|KEY|FAILS|RELATIVE|METHOD)', text, re.M | re.S):
        strings = ["".join(re.findall(r'"((?:[^"\\]|\\.)*)"', part))
                   for part in re.findall(r'(?:"(?:[^"\\]|\\.)*"\s*)+', row)]
        methods[strings[0]] = strings[-1].split()
    names = re.findall(r'^PARAM\(\w+, "(\w+)"', text, re.M)
    choices = re.findall(r'^CHOICE\(\w+, "(\w+)"', text, re.M)
    if len(methods) < 20 or len(names) < 20 or len(choices) < 5:
        sys.exit(f"{api} is not read right: {len(methods)} methods, {len(names)} parameters, {len(choices)} choices")
    return methods, names, choices


def packets(methods):
    single = [message(path, *words) for path, words in methods.items()]
    found = single + [message(path, *words, "#17") for path, words in methods.items()]
    found += [message(pattern) for pattern in PATTERNS] + [every_type(), padded("/old")]
    found += [bundle(1, *single), bundle(0xE000 << 48, bundle(0xE001 << 48, *single[:3]), single[4]), bundle(1)]
    deep = single[0]
    for _ in range(8):
        deep = bundle(1, deep)
    return found + [deep]


def lines(methods):
    return LINES + [" ".join([path.lstrip("/"), *words]) for path, words in methods.items()]


def sessions(methods):
    """What fuzz_dispatch.c takes: a command a line, and what happens between."""
    every = [" ".join([path.lstrip("/"), *words]) for path, words in methods.items() if path != "/quit"]
    return [
        "\n".join(every) + "\n!\n@9\n",
        "\n".join(f"{line}\n!\n@1" for line in every),
        "play bell.wav id 1 loop 1\n!\n@2\n{50\nvoice/set 1 gain +3 ramp 1 curve s\nseek 1 -0.001\nstop 1 tag x\n}\n@9\nclear x",
        "play wide.wav\n!\nplay bell.wav id a at 0.1 tag t\nplay bell.wav id a\n{-20\npause all\nresume all\n}\n@99\nclear all",
        "bus/new a\nbus/new b a\nplay bell.wav bus b loop true\n!\nbus/set a solo 1 out 1 width 1\n@3\nbus/set b mute 1 gain -9\n",
        "subscribe // 0.01 30\nplay bell.wav notify 1\n!\n@9\n/*/list\n/{status,memory}\nunsubscribe\nquit\n@9\n",
        ">1\nplay none.wav\n>2\nhello\nsync 3\n>3\nsound/load x bell.wav\nsound/load y wide.wav\n!\nsound/unload x fade 0.1\ndump",
        "{0\nplay bell.wav id 7\nplay bell.wav id 7\n}\n!\n{0\nplay bell.wav id 7\nvoice/set 7 rate -1.5 ramp 0.01\nping\n}\n!\n@9",
        # each kind of change, of a voice that sounds or that waits for its sound, taken back as the last message is refused
        *(f"play bell.wav id 5 loop 1\n{loads}@2\nplay bell.wav id 6 at 1 tag t\nbus/new q\n@2\n{opening}\n{change}\nstop nobody\n}}\n@9"
          for change in ("voice/set 5 gain -3", "voice/set 5 pan 1", "voice/set 5 rate 2", "voice/set 5 quality sinc",
                         "voice/set 5 loop 0", "bus/new z", "bus/new z q", "bus/set q out 1 width 1", "bus/set q mute 1",
                         "play bell.wav id 8", "play wide.wav id 9", "stop 5", "stop 6", "pause 5", "resume 6", "clear all",
                         "sound/load x big.wav", "sound/unload bell.wav", "seek 5 0")
          for loads, opening in (("!\n", "{0"), ("", "{"))),
        *("play bell.wav id 5 loop 1 quality cubic rate 1.1\n!\n@2\nvoice/set 5 ramp 0.01 " + change + "\n@9\nvoice/list\n@9"
          for change in ("gain +3 curve s", "pan -1 curve power", "rate -0.5 curve db", "quality sinc", "loop 0")),
        "sound/load a big.wav\nsound/load b big2.wav\n!\nsound/load c bell.wav\nplay a\nplay b\n!\nsound/unload a\nplay b\n!\n@9",
        "\n".join(f"play bell.wav id {i} loop 1 bus master" for i in range(20)) + "\n!\n@9\nstop all fade 0.001\n@9",
        "\n".join(f"play bell.wav at {i % 7}.5 tag a" for i in range(40)) + "\n!\n@9\nclear a\n@9",
        "subscribe /clock/* 0.01 9\nplay bell.wav at 1\n!\n@9\n~5000\n@9\n~-9000\n@9",
        "offline\nplay bell.wav\n!\n{100\nstop all\n}\n@99\nplay bell.wav at 0.2\n@50\n",
    ]


def streams(packet_list, line_list):
    """What fuzz_framing.c takes: bytes of connections."""
    sized = b"".join(struct.pack(">I", len(p)) + p for p in packet_list)
    escaped = [p.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc") for p in packet_list]
    slip = b"".join(b"\xc0" + p + b"\xc0" for p in escaped)
    return [sized, slip, "\r\n".join(line_list).encode() + b"\n# comment\n\n", sized[:100], slip[:99], b"x" * 5000 + b"\nping\n"]


def write(folder, kind, items):
    where = os.path.join(folder, kind)
    os.makedirs(where, exist_ok=True)
    for i, item in enumerate(items):
        with open(os.path.join(where, f"{i:03}"), "wb") as file:
            file.write(item if isinstance(item, bytes) else item.encode())


def main():
    api, folder = sys.argv[1:]
    methods, names, choices = table(api)
    packet_list, line_list = packets(methods), lines(methods)
    write(folder, "packet", packet_list)
    write(folder, "text", line_list)
    write(folder, "pattern", [f"{pattern} {path}" for pattern in PATTERNS for path in ("/voice/set", "/stop")])
    write(folder, "framing", [bytes([seed]) + s for seed in (0, 1, 77) for s in streams(packet_list, line_list)])
    write(folder, "dispatch", sessions(methods))
    words = [*methods, *(path.lstrip("/") for path in methods), *names, *choices, "all", "#17", "bell.wav", "wide.wav",
             "master", "true", "+3", "-3", "1e9", "\\x00\\x00\\x00", "#bundle\\x00"]
    with open(os.path.join(folder, "words.dict"), "w", encoding="ascii") as file:
        file.writelines(f'"{word}"\n' for word in dict.fromkeys(words))


if __name__ == "__main__":
    main()
