# SPDX-License-Identifier: MIT
# openmetrics.py - reads OpenMetrics 1.0 text as strictly as the specification is written, for the tests.
import math
import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\n"])*)"(,|$)')
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)")
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|[+-]Inf|NaN")
SUFFIXES = {"gauge": [""], "counter": ["_total"], "info": ["_info"], "stateset": [""],
            "histogram": ["_bucket", "_count", "_sum"]}


class Family:
    def __init__(self, name):
        self.name, self.type, self.unit, self.help = name, None, None, None
        self.samples = {}  # (suffix, labels) to number

    def value(self, suffix="", **labels):
        return self.samples[suffix, tuple(sorted(labels.items()))]


def read_labels(text):
    labels, at = {}, 0
    while at < len(text):
        match = LABEL.match(text, at)
        assert match, f"no label: {text[at:]!r}"
        name, value, comma = match.groups()
        assert name not in labels, f"{name} stands twice"
        assert not comma or match.end() < len(text), "a comma at the end"
        labels[name] = re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), value)
        at = match.end()
    return labels


def read_number(text):
    assert NUMBER.fullmatch(text), f"no number: {text!r}"
    return {"+Inf": math.inf, "-Inf": -math.inf, "NaN": math.nan}.get(text) if text[-1] in "fN" else float(text)


def read_metadata(family, kind, text):
    assert not family.samples, f"{family.name}: # {kind} behind its samples"
    if kind == "TYPE":
        assert family.type is None and text in SUFFIXES, f"{family.name}: type {text}"
        family.type = text
    elif kind == "UNIT":
        assert family.unit is None and text and family.name.endswith("_" + text), f"{family.name}: unit {text}"
        family.unit = text
    else:
        assert family.help is None and text, f"{family.name}: no help, or a second one"
        assert not re.search(r'(?<!\\)(\\\\)*\\[^\\n"]', text) and not re.search(r'(?<!\\)"', text), f"escapes: {text}"
        family.help = text


def check_family(f):
    assert f.type and f.help, f"{f.name}: no type or no help"
    assert f.samples, f"{f.name}: no samples"
    assert f.unit is None or f.type not in ("info", "stateset"), f"{f.name}: a unit"
    for (suffix, labels), value in f.samples.items():
        if f.type in ("counter", "histogram"):
            assert value >= 0, f"{f.name}{suffix} {labels}: {value}"
        if f.type == "info":
            assert value == 1, f"{f.name}: {value}"
        if f.type == "stateset":
            assert value in (0, 1) and f.name in dict(labels), f"{f.name} {labels}: {value}"
    if f.type == "histogram":
        check_histogram(f)


def check_histogram(f):
    """Buckets stand in their order, rise, and end with all that there are."""
    bounds = [(read_number(dict(labels)["le"]), n) for (suffix, labels), n in f.samples.items() if suffix == "_bucket"]
    assert bounds == sorted(bounds) and len({le for le, _ in bounds}) == len(bounds), f"{f.name}: {bounds}"
    counts = [n for _, n in bounds]
    assert counts == sorted(counts) and all(n == int(n) for n in counts), f"{f.name}: {counts}"
    assert bounds[-1] == (math.inf, f.value("_count")), f"{f.name}: {bounds[-1]}"
    assert ("_sum", ()) in f.samples, f"{f.name}: no sum"


def read(text):
    """The families by their names. Fails on whatever is not as it must be."""
    lines = text.split("\n")
    assert lines[-2:] == ["# EOF", ""], f"the end is {lines[-2:]}"
    families, current = {}, None
    for line in lines[:-2]:
        metadata = re.fullmatch(rf"# (TYPE|UNIT|HELP) ({NAME}) (.*)", line)
        if metadata:
            kind, name, rest = metadata.groups()
            if current is None or name != current.name:
                assert name not in families, f"{name}: its lines do not stand together"
                current = families[name] = Family(name)
            read_metadata(current, kind, rest)
            continue
        sample = SAMPLE.fullmatch(line)
        assert sample and current, f"no line of OpenMetrics: {line!r}"
        name, labels, value = sample.groups()
        suffix = name[len(current.name):]
        assert name.startswith(current.name) and suffix in SUFFIXES[current.type], f"{name} in {current.name}"
        key = suffix, tuple(sorted(read_labels(labels or "").items()))
        assert key not in current.samples, f"twice: {line}"
        current.samples[key] = read_number(value)
    for family in families.values():
        check_family(family)
    return families
