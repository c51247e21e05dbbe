#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_metrics.py - the figures that the daemon gives to those who watch it: histograms and metrics.
"""Needs CHIMED, CHIME and CHIMED_METRICS; promtool, where it is, has its say."""
import concurrent.futures
import contextlib
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import harness
import openmetrics

PROGRAM = os.environ["CHIMED_METRICS"]
PROMTOOL = shutil.which("promtool")
HISTOGRAMS = ("block", "load", "wake_up")
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PLAIN = "text/plain; version=0.0.4; charset=utf-8"


def histograms(client, *which):
    """What /histogram answers: name to its unit, figures and buckets."""
    n, = client.do("/histogram", *which)
    rows, client.seen = client.seen, []
    found = {m[1]: dict(zip(("unit", "n", "sum", "max", "p50", "p99", "p999"), m[2:]), buckets=[])
             for m in rows if m[0] == "/histogram/info"}
    for m in rows:
        if m[0] == "/histogram/bucket":
            found[m[1]]["buckets"].append(tuple(m[2:]))
    assert n == sum(len(h["buckets"]) for h in found.values()), (n, rows)
    return found


class Histograms(unittest.TestCase):
    def setUp(self):
        self.daemon = harness.Daemon()
        self.daemon.start()
        self.addCleanup(self.daemon.remove)
        self.addCleanup(self.daemon.stop)
        self.client = self.daemon.client()

    def cycles(self):
        status = self.client.status()
        return status["frames"] // max(status["period"], 1)  # there is none before the first cycle

    def test_every_cycle_is_counted_once_in_each(self):
        harness.until(lambda: self.cycles() > 50, "cycles")
        before, found, after = self.cycles(), histograms(self.client), self.cycles()
        self.assertEqual(tuple(found), HISTOGRAMS)
        self.assertEqual([h["unit"] for h in found.values()], ["s", "", "s"])
        for name, h in found.items():
            self.assertEqual(h["n"], sum(count for _, _, count in h["buckets"]), name)
            self.assertTrue(before <= h["n"] <= after + 1, (name, before, h["n"], after))

    def test_buckets_rise_and_hold_sum_and_quantiles(self):
        harness.until(lambda: self.cycles() > 200, "cycles")
        for name, h in histograms(self.client).items():
            ends = [end for _, end, _ in h["buckets"]]
            self.assertEqual(ends, sorted(set(ends)), name)
            self.assertTrue(all(start < end and count > 0 for start, end, count in h["buckets"]), name)
            least = sum(start * count for start, _, count in h["buckets"])
            most = sum(end * count for _, end, count in h["buckets"])
            slack = 0.05 * most  # a cycle that ends between two readings
            self.assertTrue(least - slack <= h["sum"] <= most + slack, (name, least, h["sum"], most))
            self.assertTrue(0 <= h["p50"] <= h["p99"] <= h["p999"] <= h["max"], (name, h))
            self.assertLessEqual(h["max"], ends[-1])
            below = sum(count for _, end, count in h["buckets"] if end <= h["p50"])
            self.assertTrue(below >= h["n"] / 2 or h["p50"] == h["max"], (name, h))

    def test_one_at_a_time_and_none_that_there_is_not(self):
        self.assertEqual(tuple(histograms(self.client, "wake_up")), ("wake_up",))
        answer = self.client.call("/histogram", "nonsense")
        self.assertEqual(answer[:3], ["/error", "/histogram", "bad_arguments"])

    def test_work_shows(self):
        path = self.daemon.sound("tone.wav", harness.wav(harness.sine(96000)))
        self.client.do("/sound/load", "tone", path)
        harness.until(lambda: self.cycles() > 100, "cycles")
        before = histograms(self.client, "block")["block"]
        for _ in range(200):
            self.client.do("/play", "tone", "loop", 1, "rate", 1.01, "quality", "sinc")
        until = self.cycles() + 200
        harness.until(lambda: self.cycles() > until, "cycles")
        after = histograms(self.client, "block")["block"]
        mean = before["sum"] / before["n"]
        self.assertGreater((after["sum"] - before["sum"]) / (after["n"] - before["n"]), 2 * mean)


class Metrics(unittest.TestCase):
    """The text, as chime metrics prints it."""

    def setUp(self):
        self.daemon = harness.Daemon(udp=True)
        self.daemon.start()
        self.addCleanup(self.daemon.remove)
        self.addCleanup(self.daemon.stop)
        self.client = self.daemon.client()
        path = self.daemon.sound("tone.wav", harness.wav(harness.sine(9600)))
        self.client.do("/sound/load", "tone", path)
        for _ in range(3):
            self.client.do("/play", "tone", "loop", 1)
        self.client.call("/play", "no such sound")
        harness.until(lambda: self.client.status()["frames"] > 20000, "frames")

    def text(self, *options):
        result = self.daemon.chime("metrics", *options)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return result.stdout

    def families(self):
        return openmetrics.read(self.text())

    def test_figures_are_those_of_status(self):
        before, families, after = self.client.status(), self.families(), self.client.status()
        values = {"voices": ("voices", ""), "voices_max": ("voices_max", ""), "voices_started": ("voices_started", "_total"),
                  "voices_refused": ("voices_refused", "_total"), "voices_shed": ("voices_shed", "_total"),
                  "sounds": ("sounds", ""), "sound_bytes": ("sound_bytes", ""), "buses": ("buses", ""),
                  "rate": ("rate_hertz", ""), "period": ("period_frames", ""), "errors": ("errors", "_total"),
                  "late": ("late", "_total"), "late_dropped": ("late_dropped", "_total"), "uptime": ("uptime_seconds", ""),
                  "frames": ("frames", "_total"), "packets": ("packets", "_total"), "scheduled_max": ("scheduled_max", ""),
                  "commands_refused": ("commands_refused", "_total"), "decoders_failed": ("decoders_failed", "_total"),
                  "started": ("start_time_seconds", ""), "commands_high": ("commands_high", "")}
        for figure, (name, suffix) in values.items():
            value = families["chimed_" + name].value(suffix)
            self.assertTrue(before[figure] <= value <= after[figure], (figure, before[figure], value, after[figure]))
        self.assertEqual(families["chimed_voices"].value(), 3)
        self.assertEqual(families["chimed_errors"].value("_total"), 1)
        for cause in "ours", "late", "device":
            value = families["chimed_xruns"].value("_total", cause=cause)
            self.assertTrue(before[f"xruns_{cause}"] <= value <= after[f"xruns_{cause}"])
        self.assertEqual(len(families["chimed_xruns"].samples), 3)
        self.assertAlmostEqual(families["chimed_clock_deviation_ratio"].value(), before["clock_ppm"] * 1e-6, delta=0.01)
        self.assertLess(abs(time.time() - after["uptime"] - after["started"]), 2)

    def test_texts_are_info_and_states(self):
        families, status = self.families(), self.client.status()
        self.assertEqual(families["chimed_build"].samples, {
            ("_info", (("isa", status["isa"]), ("version", status["version"]))): 1})
        self.assertEqual(families["chimed_backend"].samples, {
            ("_info", (("device", status["device"]), ("kind", "null"), ("wanted", "null"))): 1})
        health = {dict(labels)["chimed_health"]: on for (_, labels), on in families["chimed_health"].samples.items()}
        self.assertEqual(set(health), {"healthy", "degraded", "recovering", "stalled", "silent"})
        self.assertEqual([state for state, on in health.items() if on], [status["health"]])
        states = families["chimed_backend_state"]
        self.assertEqual(states.value(backend="null", chimed_backend_state="plays"), 1)
        self.assertEqual(sum(states.samples.values()), 1)

    def test_lists(self):
        self.client.do("/memory")
        rows = {m[1]: m[2:] for m in self.client.seen if m[0] == "/memory/region"}
        pools = {m[1]: m[2:] for m in self.client.seen if m[0] == "/memory/pool"}
        families = self.families()
        for region, (budget, committed, used, high, refused, locked) in rows.items():
            for name, value in (("budget_bytes", budget), ("committed_bytes", committed), ("used_bytes", used),
                                ("high_bytes", high), ("locked_bytes", locked)):
                self.assertEqual(families[f"chimed_memory_{name}"].value(region=region), value, region)
            self.assertEqual(families["chimed_memory_refused"].value("_total", region=region), refused)
        self.assertGreater(families["chimed_memory_used_bytes"].value(region="sounds"), 0)
        self.assertEqual(families["chimed_pool_max_blocks"].value(pool="voices"), pools["voices"][1])
        sockets = {dict(labels)["socket"] for _, labels in families["chimed_socket_packets_lost"].samples}
        self.assertIn(self.daemon.socket, sockets)
        self.assertIn(f"127.0.0.1:{self.daemon.port}", sockets)

    def test_histograms_lie_between_those_of_the_daemon(self):
        names = {"block": "chimed_block_seconds", "load": "chimed_load_ratio", "wake_up": "chimed_wake_up_seconds"}
        before, families, after = histograms(self.client), self.families(), histograms(self.client)
        for name, metric in names.items():
            family = families[metric]
            self.assertTrue(before[name]["n"] <= family.value("_count") <= after[name]["n"])
            sums = [before[name]["sum"], family.value("_sum"), after[name]["sum"]]
            self.assertTrue(sums[0] <= sums[1] * (1 + 1e-12) and sums[1] <= sums[2] * (1 + 1e-12), sums)  # 15 digits
            bounds = [dict(labels)["le"] for suffix, labels in family.samples if suffix == "_bucket"]
            for le in bounds:
                low, high = (sum(n for _, end, n in h[name]["buckets"] if end <= float(le) * (1 + 1e-9))
                             for h in (before, after))
                self.assertTrue(low <= family.value("_bucket", le=le) <= high, (name, le))
        self.assertIn("1", [dict(labels)["le"] for suffix, labels in families["chimed_load_ratio"].samples
                            if suffix == "_bucket"])  # who took longer than there was time

    def test_counters_only_rise(self):
        first = self.families()
        self.client.do("/play", "tone", "loop", 1)
        second = self.families()
        self.assertEqual(set(first), set(second))
        for name, family in first.items():
            if family.type in ("counter", "histogram"):
                for key, value in family.samples.items():
                    self.assertLessEqual(value, second[name].samples[key], (name, key))
        self.assertEqual(second["chimed_voices_started"].value("_total") - first["chimed_voices_started"].value("_total"), 1)

    def test_names_that_could_break_the_text(self):
        """A folder with quotes, backslashes, line ends and bytes that are no UTF-8 is in the name of a socket."""
        name = b'q"u\\o\nt\xff\xc3\xa9'
        folder = os.path.join(os.fsencode(self.daemon.folder), name)
        os.mkdir(folder)
        path = os.path.join(folder, b"s")
        other = harness.Daemon("--socket", os.fsdecode(path))
        other.socket = os.fsdecode(path)
        with other:
            result = subprocess.run([harness.CHIME, b"--url", b"osc.unix://" + path, "metrics"], check=True,
                                    capture_output=True, env=other.environment)
            text = result.stdout.decode()  # all of it is UTF-8
            lost = openmetrics.read(text)["chimed_socket_packets_lost"].samples
            self.assertTrue(any('q"u\\o?t?\u00e9' in dict(labels)["socket"] for _, labels in lost), lost)

    @unittest.skipUnless(PROMTOOL, "promtool is not there")
    def test_promtool_finds_nothing(self):
        result = subprocess.run([PROMTOOL, "check", "metrics"], input=self.text("--format", "prometheus"), text=True,
                                capture_output=True, check=False)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))

    @unittest.skipUnless(PROMTOOL, "promtool is not there")
    def test_prometheus_reads_openmetrics(self):
        """Its parser wants times behind the values when it fills a data base from a file."""
        now = int(time.time())
        text = re.sub(r"(?m)^(?!#)(.+)$", rf"\1 {now}", self.text())
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "metrics")
            with open(file, "w", encoding="utf-8") as to:
                to.write(text)
            base = os.path.join(folder, "base")
            subprocess.run([PROMTOOL, "tsdb", "create-blocks-from", "openmetrics", file, base], check=True,
                           capture_output=True)
            os.mkdir(os.path.join(base, "wal"))
            dump = subprocess.run([PROMTOOL, "tsdb", "dump", base], check=True, capture_output=True, text=True).stdout
        samples = [line for line in text.splitlines() if not line.startswith("#")]
        self.assertEqual(len(dump.splitlines()), len(samples))
        self.assertIn('__name__="chimed_voices"} 3 ', dump)

    def test_the_older_format_has_the_same_samples(self):
        new, old = self.text(), self.text("--format", "prometheus")
        names = [re.findall(r"(?m)^[^#{ ]+(?:\{.*\})?", text) for text in (new, old)]
        self.assertEqual(*names)
        self.assertNotIn("# UNIT", old)
        self.assertNotIn("# EOF", old)

    def test_slips_are_told(self):
        for words, says in ((["metrics", "--format", "xml"], "openmetrics or prometheus"), (["metrics", "now"], "'now'")):
            result = self.daemon.chime(*words)
            self.assertEqual(result.returncode, 2)
            self.assertIn(says, result.stderr)


class Server:
    """A chimed-metrics on a port of its own."""

    def __init__(self, daemon, *options):
        self.daemon, self.port = daemon, harness.free_port()
        self.process = subprocess.Popen([PROGRAM, "--port", str(self.port), *options], env=daemon.environment,
                                        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.said = self.process.stderr.readline()

    def ask(self, method="GET", path="/metrics", headers=None, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=harness.PATIENCE_S)
        with contextlib.closing(connection):
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()

    def raw(self, data):
        """What comes back until the end of the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=harness.PATIENCE_S) as s:
            got = b""
            with contextlib.suppress(OSError):  # it may be cut off in the middle
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                while piece := s.recv(65536):
                    got += piece
            return got

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        _, said = self.process.communicate(timeout=harness.PATIENCE_S)
        assert self.process.returncode == 0 and "Sanitizer" not in said, (self.process.returncode, said)


class Http(unittest.TestCase):
    def setUp(self):
        self.daemon = harness.Daemon()
        self.addCleanup(self.daemon.remove)
        self.daemon.start()
        self.server = Server(self.daemon)
        self.addCleanup(self.server.stop)

    def test_get(self):
        code, headers, text = self.server.ask()
        self.assertEqual((code, headers["Content-Type"], headers["Cache-Control"]), (200, OPENMETRICS, "no-store"))
        self.assertEqual(openmetrics.read(text)["chimed_voices_max"].value(), 1024)
        self.assertEqual(self.server.said, f"chimed-metrics: http://127.0.0.1:{self.server.port}/metrics\n")

    def test_who_wants_which_format(self):
        for accept, wanted in (("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                                OPENMETRICS), ("text/plain;version=0.0.4", PLAIN), ("*/*", OPENMETRICS)):
            _, headers, text = self.server.ask(headers={"Accept": accept})
            self.assertEqual(headers["Content-Type"], wanted)
            self.assertEqual(text.endswith("# EOF\n"), wanted == OPENMETRICS)

    def test_head_has_no_body(self):
        code, headers, text = self.server.ask("HEAD")
        self.assertEqual((code, headers["Content-Type"], text), (200, OPENMETRICS, ""))
        self.assertGreater(int(headers["Content-Length"]), 1000)

    def test_other_paths_and_methods(self):
        for path in "/", "/metrics/", "/metric", "/metricsx", "/../metrics", "//", "/%00metrics":
            self.assertEqual(self.server.ask(path=path)[0], 404, path)
        self.assertEqual(self.server.ask(path="/metrics?x=1")[0], 200)
        for method in "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE":
            code, headers, _ = self.server.ask(method, body="a=b" if method == "POST" else None)
            self.assertEqual((code, headers["Allow"]), (405, "GET, HEAD"), method)
        self.assertEqual(self.server.ask("GET", body="x" * 100000)[0], 200)

    def test_only_names_of_this_machine(self):
        for host in "localhost", f"localhost:{self.server.port}", "127.0.0.1", "127.0.0.1:9", "[::1]", "[::1]:9", "LOCALHOST":
            self.assertEqual(self.server.ask(headers={"Host": host})[0], 200, host)
        for host in "example.com", "localhost.example.com", "127.0.0.1.example.com", "", "localhost:9x", "[::1]x", "[::2]":
            self.assertEqual(self.server.ask(headers={"Host": host})[0], 403, host)
        self.assertTrue(self.server.raw(b"GET /metrics HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 400 "))
        self.assertTrue(self.server.raw(b"GET /metrics HTTP/1.0\r\n\r\n").split(b" ", 1)[1].startswith(b"200 "))

    def test_many_at_once(self):
        with concurrent.futures.ThreadPoolExecutor(40) as pool:
            answers = list(pool.map(lambda _: self.server.ask(), range(200)))
        self.assertEqual([code for code, _, _ in answers], [200] * 200)
        for _, _, text in answers[::20]:
            openmetrics.read(text)

    def test_one_connection_for_many(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=harness.PATIENCE_S)
        with contextlib.closing(connection):
            for _ in range(10):
                connection.request("GET", "/metrics")
                self.assertTrue(connection.getresponse().read().endswith(b"# EOF\n"))

    def test_slow_clients_hold_up_nobody(self):
        with contextlib.ExitStack() as stack:
            slow = [stack.enter_context(socket.create_connection(("127.0.0.1", self.server.port))) for _ in range(50)]
            for i, s in enumerate(slow):
                s.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" if i % 2 else b"GET /met")
            for _ in range(5):
                self.assertEqual(self.server.ask()[0], 200)

    def test_silent_clients_are_left(self):
        """More than there are places: the next one waits until these have been left."""
        with contextlib.ExitStack() as stack:
            for _ in range(80):
                stack.enter_context(socket.create_connection(("127.0.0.1", self.server.port)))
            connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
            with contextlib.closing(connection):
                connection.request("GET", "/metrics")
                self.assertEqual(connection.getresponse().status, 200)

    def test_garbage(self):
        for data in (b"\0" * 1000, b"GET\r\n\r\n", b"GET /metrics\r\n\r\n", b"\r\n" * 50, os.urandom(5000),
                     b"GET /metrics HTTP/9.9\r\nHost: localhost\r\n\r\n", b"GET " + b"/" * 100000 + b" HTTP/1.1\r\n\r\n",
                     b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 20000 + b"\r\n",
                     b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
                     b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"):
            self.server.raw(data)
            self.assertIsNone(self.server.process.poll(), data[:40])
        self.assertEqual(self.server.ask()[0], 200)

    def test_a_daemon_that_goes_and_comes_back(self):
        self.daemon.process.kill()
        self.daemon.process.wait()
        code, headers, text = self.server.ask()
        self.assertEqual((code, headers["Content-Type"]), (503, "text/plain; charset=utf-8"))
        self.assertIn("no daemon; start it", text)
        self.assertIn(self.daemon.socket, text)
        self.daemon.start()
        code, _, text = self.server.ask()
        self.assertEqual(code, 200)
        openmetrics.read(text)

    def test_a_daemon_that_hangs(self):
        self.daemon.process.send_signal(signal.SIGSTOP)
        try:
            code, _, text = self.server.ask()
        finally:
            self.daemon.process.send_signal(signal.SIGCONT)
        self.assertEqual((code, "did not" in text or "time" in text), (503, True), text)
        harness.until(lambda: self.server.ask()[0] == 200, "metrics after the hang")

    def test_over_a_stream_too(self):
        other = Server(self.daemon, "--url", f"osc.stream://{self.daemon.stream}")
        try:
            openmetrics.read(other.ask()[2])
        finally:
            other.stop()

    def test_reached_on_loopback_only(self):
        """The kernel says where it listens; no address of another network will do."""
        with open(f"/proc/{self.server.process.pid}/net/tcp", encoding="ascii") as file:
            listening = [line.split()[1] for line in file if line.split()[3] == "0A"]
        self.assertIn(f"0100007F:{self.server.port:04X}", listening)
        self.assertNotIn(f"00000000:{self.server.port:04X}", listening)
        for address in "0.0.0.0", "192.0.2.1", "::", "10.0.0.1", "localhost", "::ffff:127.0.0.1", "":
            result = subprocess.run([PROGRAM, "--listen", address], capture_output=True, text=True, timeout=10, check=False)
            self.assertEqual(result.returncode, 1, address)
            self.assertIn("is no loopback address", result.stderr)

    def test_a_socket_that_is_handed_over(self):
        for address, code in ("127.0.0.1", 0), ("0.0.0.0", 1):
            with socket.create_server((address, 0)) as listener:
                port = listener.getsockname()[1]
                environment = {**self.daemon.environment, "LISTEN_FDS": "1"}
                process = subprocess.Popen(["sh", "-c", f'LISTEN_PID=$$ exec {PROGRAM} 3<&{listener.fileno()}'],
                                           env=environment, pass_fds=[listener.fileno()], stderr=subprocess.PIPE, text=True)
            said = process.stderr.readline()
            if code == 0:
                with socket.create_connection(("127.0.0.1", port), timeout=harness.PATIENCE_S) as s:
                    s.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
                    self.assertIn(b"200 OK", s.recv(100))
                process.send_signal(signal.SIGTERM)
            _, rest = process.communicate(timeout=harness.PATIENCE_S)
            self.assertEqual(process.returncode, code, said + rest)
            self.assertIn("loopback" if code else f":{port}/metrics", said)

    def test_an_address_that_is_taken_is_told(self):
        result = subprocess.run([PROGRAM, "--port", str(self.server.port)], capture_output=True, text=True, timeout=10,
                                check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("127.0.0.1: Address already in use", result.stderr)


if __name__ == "__main__":
    unittest.main()
