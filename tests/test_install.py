#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_install.py - what an installation holds, and that it works where it was put.
"""Needs CHIMED_BUILD_DIR."""
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

import harness

FILES = """bin/chime bin/chimed bin/chimed-metrics libexec/chimed/chimed-decode libexec/chimed/chimed-holdoff include/chime.h
share/man/man1/chime.1 share/man/man5/chimed.conf.5 share/man/man7/chimed-osc.7 share/man/man8/chimed.8
share/man/man8/chimed-metrics.8
share/doc/chimed/osc.md share/doc/chimed/examples/chimed.conf share/bash-completion/completions/chime
lib/systemd/system/chimed.service lib/systemd/user/chimed.service
lib/systemd/system/chimed-metrics.service lib/systemd/system/chimed-metrics.socket
lib/systemd/system/chimed.socket lib/systemd/user/chimed.socket
lib/systemd/system/chimed@.service lib/systemd/system/chimed@.socket
etc/security/limits.d/95-chimed.conf share/doc/chimed/examples/chimed.avahi""".split()

PROGRAM = r"""
#include <chime.h>
#include <stdio.h>
int main(void) { struct chime_message *m = chime_message_new("/ping"); puts(m ? "made" : "none"); chime_message_free(m); }
"""


def run(*command, **more):
    return subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL, **more).stdout


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.prefix = pathlib.Path(tempfile.mkdtemp(prefix="chimed-install-"))
        run("cmake", "--install", os.environ["CHIMED_BUILD_DIR"], "--prefix", cls.prefix)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.prefix)

    def only(self, pattern):
        found = list(self.prefix.glob(pattern))
        self.assertEqual(len(found), 1, f"{pattern}: {found}")
        return found[0]

    def test_files_are_there(self):
        for name in FILES:
            with self.subTest(name):
                self.assertGreater((self.prefix / name).stat().st_size, 0)
        self.only("lib/**/libchime.so.0")
        self.only("lib/**/chime.pc")

    def test_programs_run_where_they_are(self):
        for name in "chime", "chimed":
            self.assertIn("0.", run(self.prefix / "bin" / name, "--version", env={"PATH": os.environ["PATH"]}))

    def test_daemon_finds_its_decoder(self):
        folder = self.prefix / "work"
        folder.mkdir()
        sound, out = folder / "a.wav", folder / "out.wav"
        sound.write_bytes(harness.wav([1000] * 48000))
        packet = harness.bundle(harness.osc("/play", str(sound)), time_tag=0)
        environment = {key: value for key, value in os.environ.items() if key != "CHIMED_DECODE"}
        for command in self.prefix / "bin/chimed", "chimed":  # by its path, and by PATH
            result = subprocess.run([command, "render", "-", out, "--seconds", "0.5"], check=True, capture_output=True,
                                    input=struct.pack(">i", len(packet)) + packet,
                                    env={**environment, "PATH": f"{self.prefix}/bin:{os.environ['PATH']}"})
            self.assertIn(b"1 voices started", result.stderr)

    def test_units_name_a_program_of_the_prefix(self):
        for unit in self.prefix.glob("lib/systemd/*/*.service"):
            self.assertNotIn("@CMAKE", unit.read_text(encoding="utf-8"))
            self.assertRegex(unit.read_text(encoding="utf-8"), r"(?m)^ExecStart=/\S+/bin/chimed\b")
            if unit.name != "chimed-metrics.service":
                self.assertRegex(unit.read_text(encoding="utf-8"), r"(?m)^ExecReload=/\S+/bin/chime\b")

    def test_a_program_is_built_against_the_library(self):
        folder = self.only("lib/**/chime.pc").parent
        flags = run("pkg-config", "--define-prefix", "--cflags", "--libs", "chime",
                    env=dict(os.environ, PKG_CONFIG_PATH=str(folder))).split()
        self.assertIn(f"-I{self.prefix}/include", " ".join(flags).replace("/lib/../", "/"))
        source, program = self.prefix / "program.c", self.prefix / "program"
        source.write_text(PROGRAM, encoding="utf-8")
        run("cc", source, "-o", program, *flags)
        library = self.only("lib/**/libchime.so.0").parent
        self.assertEqual(run(program, env={"LD_LIBRARY_PATH": str(library)}), "made\n")


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
