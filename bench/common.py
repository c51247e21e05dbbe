# SPDX-License-Identifier: MIT
# common.py - what the benchmarks share: the programs that were built, and tables of what was measured.
import argparse
import json
import math
import os
import platform
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def arguments(description, add=lambda parser: None):
    """The command line. From here on `import harness` finds the programs of the build folder."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--build", default=os.path.join(ROOT, "build/release"), help="build folder (build/release)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    add(parser)
    options = parser.parse_args()
    for name, path in (("CHIMED", "engine/chimed"), ("CHIME", "clients/chime"), ("BENCH_LATENCY", "bench/bench_latency")):
        os.environ[name] = os.path.join(os.path.abspath(options.build), path)
        if not os.access(os.environ[name], os.X_OK):
            sys.exit(f"{os.environ[name]} is not there: build first (bench/README.md), or say --build FOLDER")
    os.environ.pop("CHIMED_RT_GUARD", None)
    sys.path.insert(0, os.path.join(ROOT, "tests"))
    return options


def percentile(values, share):
    """The smallest value that at least this share of all are not above."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


class Table:
    """Figures, each from one or many runs."""

    def __init__(self, title, options):
        self.title, self.options, self.rows = title, options, []

    def add(self, name, unit, values):
        values = values if isinstance(values, list) else [values]
        self.rows.append({"name": name, "unit": unit, "n": len(values), "min": min(values),
                          "median": percentile(values, 0.5), "p99": percentile(values, 0.99), "max": max(values)})

    def show(self):
        if self.options.json:
            json.dump({"title": self.title, "machine": machine(), "figures": self.rows}, sys.stdout, indent=1)
            print()
            return
        print(f"{self.title}\n{machine()}\n")
        width = max(len(row["name"]) for row in self.rows)
        print(f"{'':{width}} {'unit':>8} {'n':>5} {'min':>10} {'median':>10} {'p99':>10} {'max':>10}")
        for row in self.rows:
            figures = " ".join(f"{row[key]:10.4g}" if row[key] < 1e4 else f"{row[key]:10.0f}"
                               for key in ("min", "median", "p99", "max"))
            print(f"{row['name']:{width}} {row['unit']:>8} {row['n']:5} {figures}")


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), platform.machine())
    return f"{model}, {os.cpu_count()} CPUs, Linux {platform.release()}"
