#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_doctor.py - chime doctor on made-up machines, each fault alone, and beside a living daemon.
"""Needs CHIMED and CHIME."""
import json
import os
import pathlib
import pty
import re
import shutil
import subprocess
import tempfile
import unittest

import harness
import tree

CLOCK = "sys/devices/system/clocksource/clocksource0/"
CPU = "sys/devices/system/cpu/cpu0/"
LIMITS = """Limit                     Soft Limit           Hard Limit           Units
Max locked memory         unlimited            unlimited            bytes
Max realtime priority     95                   95
Max realtime timeout      unlimited            unlimited            us
"""
# A thread's line: fields 40 and 41 are the priority and the policy.
STAT = "812 (chimed (rt)) S " + "0 " * 36 + "%d %d 0 0\n"
HW_PARAMS = """access: MMAP_INTERLEAVED
format: S16_LE
subformat: STD
channels: 2
rate: 48000 (48000/1)
period_size: 64
buffer_size: 192
"""
OWNED = "state: RUNNING\nowner_pid   : %d\n"

# A machine with a card, and a daemon that answers nobody: what the kernel shows of it is all there is.
GOOD = {
    "proc/sys/kernel/osrelease": "6.1.0-test\n",
    "proc/sys/kernel/version": "#1 SMP PREEMPT_DYNAMIC Debian 6.1.1-1 (2024-01-01)\n",
    "proc/cmdline": "quiet preempt=full threadirqs\n",
    "proc/sys/kernel/sched_rt_runtime_us": "950000\n",
    "proc/sys/kernel/sched_rt_period_us": "1000000\n",
    CPU + "cpufreq/scaling_governor": "performance\n",
    CPU + "cpufreq/scaling_driver": "acpi-cpufreq\n",
    CPU + "cpuidle/state0/latency": "0\n",
    CPU + "cpuidle/state0/name": "POLL\n",
    CPU + "cpuidle/state1/latency": "2\n",
    CPU + "cpuidle/state1/name": "C1\n",
    CLOCK + "current_clocksource": "tsc\n",
    CLOCK + "available_clocksource": "tsc hpet acpi_pm\n",
    "run/systemd/timesync/synchronized": "",
    "proc/cpuinfo": "processor : 0\nflags\t\t: fpu vme sse2\n",
    "proc/meminfo": "MemTotal: 4000000 kB\nMemAvailable: 3000000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n",
    "proc/pressure/memory": "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
    "proc/pressure/io": "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
    "proc/asound/cards": " 0 [USB            ]: USB-Audio - A card: with [brackets]\n                      more of it\n",
    "proc/asound/version": "Advanced Linux Sound Architecture Driver Version k6.1.\n",
    "proc/asound/card0/usbid": "1234:5678\n",
    "proc/asound/card0/pcm0p/sub0/status": OWNED % 812,
    "proc/asound/card0/pcm0p/sub0/hw_params": HW_PARAMS,
    "proc/asound/card0/pcm0c/sub0/status": "closed\n",
    "sys/devices/usb1/power/control": "on\n",
    "dev/snd/pcmC0D0p": "",
    "boot/config-6.1.0-test": "CONFIG_PREEMPT_VOLUNTARY=y\n# CONFIG_RT_GROUP_SCHED is not set\n",
    "etc/security/limits.d/95-chimed.conf": "# comment rtprio 9\n@audio - rtprio 95\n@audio - memlock unlimited\n",
    "usr/share/sounds/bell.wav": "x" * 500000,
    "var/lib/dpkg/status": "Package: libsndfile1\nStatus: install ok installed\nVersion: 1.2.0-1\n\n"
                           "Package: jackd2\nStatus: deinstall ok config-files\nVersion: 1.9.9\n\n",
    "proc/1/comm": "systemd\n",
    "proc/812/comm": "chimed\n",
    "proc/812/limits": LIMITS,
    "proc/812/status": "Name:\tchimed\nTgid:\t812\nUid:\t0\t0\t0\t0\nGid:\t29\t29\t29\t29\nGroups:\t29 \n"
                       "VmLck:\t   90000 kB\nVmSwap:\t       0 kB\n",
    "proc/812/cgroup": "0::/system.slice/chimed.service\n",
    "proc/812/task/812/stat": STAT % (0, 0),
    "proc/812/task/813/stat": STAT % (70, 1),
    "usr/lib/systemd/system/chimed.service": "[Service]\nLimitRTPRIO=95\n",
}
LINKS = {"sys/class/sound/card0": "../../devices/usb1/audio/card0",
         "sys/devices/usb1/audio/card0/device": "../../audio"}
FAULTLESS = {"daemon"}  # nobody answers there, which is the one thing that is wrong

# Files that make one fault, what it is, how bad, a word of the finding, and of what to type against it.
FAULTS = [
    ({"proc/cmdline": "quiet\n", "proc/asound/cards": "--- no soundcards ---\n"}, "card", "warning", "no sound card", "lspci"),
    ({"proc/sys/kernel/sched_rt_runtime_us": "100000\n"}, "throttling", "warning", "10 %", "sysctl -w"),
    ({"proc/sys/kernel/sched_rt_runtime_us": "-1\n"}, "throttling", "note", "never held back", "sysctl -w"),
    ({CPU + "cpufreq/scaling_governor": "ondemand\n"}, "governor", "warning", "ondemand", "tee /sys"),
    ({CPU + "cpufreq/scaling_governor": "powersave\n", CPU + "cpufreq/scaling_driver": "intel_pstate\n"}, "governor", "note",
     "powersave", "tee /sys"),
    ({CPU + "cpuidle/state2/latency": "5000\n", CPU + "cpuidle/state2/name": "C10\n"}, "idle_states", "note",
     "5000 us to leave C10", "cpupower"),
    ({CLOCK + "current_clocksource": "hpet\n"}, "clock", "warning", "hpet, which is slow", "echo tsc"),
    ({CLOCK + "current_clocksource": "acpi_pm\n", CLOCK + "available_clocksource": "acpi_pm\n"}, "clock", "warning", "acpi_pm",
     "dmesg"),
    ({"run/systemd/timesync/synchronized": None}, "ntp", "note", "not synchronized", "systemd-timesyncd"),
    ({"run/systemd/timesync/synchronized": None, "proc/9/comm": "chronyd\n"}, "ntp", "note", "chronyd", "timedatectl"),
    ({"proc/meminfo": "MemAvailable: 1000 kB\n"}, "memory", "warning", "0 MiB available", "ps axo"),
    ({"proc/pressure/memory": "some avg10=4.00 avg60=0.00\n"}, "memory", "note", "in 4 % of", "ps axo"),
    ({"proc/pressure/memory": "some avg10=44.00 avg60=0.00\n"}, "memory", "warning", "in 44 % of", "ps axo"),
    ({"proc/pressure/io": "some avg10=60.00 avg60=0.00\n"}, "disk", "note", "in 60 % of", "iotop"),
    ({"proc/cpuinfo": "flags : fpu hypervisor lm\n", "sys/class/dmi/id/sys_vendor": "QEMU\n"}, "virtual", "note", "(QEMU)",
     "chime bench latency"),
    ({"boot/config-6.1.0-test": "CONFIG_RT_GROUP_SCHED=y\n"}, "rt_groups", "note", "a group has none", "linux-image"),
    ({"proc/812/cgroup": "4:cpu,cpuacct:/x\n1:name=systemd:/x\n", "sys/fs/cgroup/cpu,cpuacct/x/cpu.rt_runtime_us": "0\n"},
     "rt_groups", "problem", "has 0 us", "echo 950000 > /sys/fs/cgroup/cpu,cpuacct/x/cpu.rt_runtime_us"),
    ({"sys/fs/cgroup/system.slice/chimed.service/cpu.max": "20000 100000\n"}, "cpu_quota", "note", "20 %",
     "set-property chimed.service CPUQuota="),
    ({"sys/fs/cgroup/cpu.max": "150000 100000\n"}, "cpu_quota", "note", "this container gets 150 %", "CPUQuota="),
    ({"proc/812/task/813/stat": STAT % (0, 0)}, "audio_thread", "problem", "no real-time priority", "journalctl"),
    ({"proc/812/limits": LIMITS.replace("95", "0 "), "proc/812/task/813/stat": STAT % (0, 0)}, "limits", "warning",
     "chimed.service asks for LimitRTPRIO=95, and the daemon got 0", "LimitRTPRIO=95"),
    ({"proc/812/limits": LIMITS.replace("95", "0 "), "proc/812/task/813/stat": STAT % (0, 0),
      "usr/lib/systemd/system/chimed.service": None}, "limits", "note", "priority up to 0", "chimed.service.d/limits.conf"),
    ({"proc/812/limits": LIMITS.replace("95", "0 "), "proc/812/task/813/stat": STAT % (0, 0),
      "run/systemd/container": "systemd-nspawn"}, "limits", "warning", "got 0", "systemd-nspawn --capability"),
    ({"proc/812/limits": LIMITS.replace("unlimited            unlimited            us", "200000   200000  us")}, "limits",
     "note", "200 ms on end", "LimitRTTIME"),
    ({"proc/812/status": "Tgid: 812\nUid: 0\nVmLck: 0 kB\n"}, "locked_memory", "warning", "can be swapped out", "LimitMEMLOCK"),
    ({"proc/812/status": "Tgid: 812\nUid: 0\nVmLck: 9 kB\nVmSwap: 9000 kB\n"}, "swap", "warning", "8.8 MiB", "swapoff"),
    ({"sys/devices/usb1/power/control": "auto\n"}, "usb", "note", "put to sleep", "echo on > /sys/class/sound/card0"),
    ({"dev/snd/pcmC0D0p": None}, "devices", "warning", "nothing in /dev/snd", "udevadm"),
    ({"dev/snd/pcmC0D0p": None, ".dockerenv": ""}, "devices", "warning", "nothing in /dev/snd", "--device /dev/snd"),
    ({"proc/812/status": "Tgid: 812\nUid: 61\nGid: 61\nGroups: \nVmLck: 9 kB\n"}, "devices", "warning",
     "(user 61) may not open /dev/snd/pcmC0D0p", "Group="),
    ({"proc/asound/card0/pcm0p/sub0/status": OWNED % 77, "proc/77/comm": "mpd\n", "proc/77/cmdline": "/usr/bin/mpd\0--x\0"},
     "card", "warning", "held by mpd (process 77: /usr/bin/mpd)", "kill 77"),
    # The thread that opened it is not the process.
    ({"proc/asound/card0/pcm0p/sub0/status": OWNED % 78, "proc/78/status": "Tgid:\t77\n", "proc/77/comm": "pipewire\n"},
     "card", "warning", "held by pipewire (process 77)", "systemctl --user stop pipewire"),
    ({"proc/asound/card0/pcm0p/sub0/status": OWNED % 99}, "card", "warning", "only root can see", "fuser"),
    ({"proc/77/comm": "pipewire\n", "proc/77/cmdline": "/usr/bin/pipewire\0"}, "servers", "note", "pipewire (77: /usr/bin/pipewire",
     "pipewire-jack"),
    ({"proc/77/comm": "jackd\n"}, "servers", "note", "jackd (77)", "chime backend jack"),
    ({"usr/share/sounds/bell.wav": None}, "disk", "note", "no sound to read", "apt install"),
]


SOCKET = "run/chimed-doctor/chimed.sock"


class Machine:
    """A tree of files that chime doctor takes for the machine. None takes a file away."""

    def __init__(self, files, links=LINKS):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="chimed-doctor-"))
        self.root.chmod(0o755)
        for name, text in files.items():
            if text is not None:
                path = self.root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
        if files:
            for name, target in links.items():
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                (self.root / name).symlink_to(target)
        if files.get("dev/snd/pcmC0D0p") is not None:
            (self.root / "dev/snd/pcmC0D0p").chmod(0o600)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.root)

    def command(self, *options):
        return [os.environ["CHIME"], "doctor", "--root", self.root, "--url", f"osc.unix://{self.root}/none", *options]

    def doctor(self, *options, **how):
        return subprocess.run(self.command(*options), capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, **how)

    def findings(self, *options, **how):
        done = self.doctor("--json", *options, **how)
        return done.returncode, json.loads(done.stdout)


def severity(report, topic):
    return [f["severity"] for f in report["findings"] if f["topic"] == topic]


def text(report, topic):
    return "; ".join(f["text"] for f in report["findings"] if f["topic"] == topic)


class Doctor(unittest.TestCase):
    def test_a_good_machine(self):
        with Machine(GOOD) as machine:
            code, report = machine.findings()
        self.assertEqual(code, 10)  # no daemon answers, and that is all
        bad = {f["topic"] for f in report["findings"] if f["severity"] != "ok"}
        self.assertEqual(bad, FAULTLESS, report)
        self.assertIn("chimed plays, 48000 Hz S16_LE, 2 channels, period 64 of 192", text(report, "card"))
        self.assertIn("preemption full, interrupts in threads", text(report, "kernel"))
        self.assertIn("SCHED_FIFO with priority 70 (thread 813)", text(report, "audio_thread"))
        self.assertIn("87.9 MiB locked", text(report, "locked_memory"))
        self.assertIn("libsndfile1 1.2.0-1", text(report, "versions"))
        self.assertNotIn("jackd2", text(report, "versions"))  # it was removed
        self.assertIn("MB/s", text(report, "disk"))

    def test_each_fault_is_found_and_has_a_remedy(self):
        for files, topic, how_bad, word, remedy in FAULTS:
            with self.subTest(topic, word=word), Machine(GOOD | files) as machine:
                code, report = machine.findings()
                found = [f for f in report["findings"] if f["topic"] == topic and f["severity"] == how_bad]
                self.assertEqual(len(found), 1, report)
                self.assertIn(word, found[0]["text"])
                self.assertIn(remedy, found[0]["remedy"])
                self.assertEqual(code, 11 if how_bad == "problem" or "problem" in str(report["findings"]) else 10)

    def test_preemption(self):
        dynamic, plain = GOOD["proc/sys/kernel/version"], "#1 SMP Debian\n"
        for files, model in [({"proc/sys/kernel/version": "#1 SMP PREEMPT_RT Debian\n"}, "real-time, interrupts in threads"),
                             ({"sys/kernel/realtime": "1\n"}, "real-time"),
                             ({"sys/kernel/debug/sched/preempt": "none (voluntary) full\n"}, "voluntary"),
                             ({"proc/cmdline": "quiet\n"}, "voluntary, interrupts not in threads"),
                             ({"proc/cmdline": "preempt=none\n"}, "none"),
                             ({"proc/cmdline": "quiet\n", "boot/config-6.1.0-test": None}, "not known"),
                             ({"proc/sys/kernel/version": plain}, "voluntary"),
                             ({"proc/sys/kernel/version": plain, "boot/config-6.1.0-test": None}, "voluntary at the most"),
                             ({"proc/sys/kernel/version": "#1 SMP PREEMPT\n", "boot/config-6.1.0-test": None}, "full")]:
            with self.subTest(files), Machine(GOOD | {"proc/sys/kernel/version": dynamic} | files) as machine:
                self.assertIn(f"preemption {model}", text(machine.findings()[1], "kernel"))

    @unittest.skipUnless(os.geteuid() == 0, "root can be somebody else")
    def test_somebody_without_rights(self):
        nobody = {"user": harness.NOBODY, "group": harness.NOBODY, "extra_groups": [],
                  "preexec_fn": lambda: harness.resource.setrlimit(harness.resource.RLIMIT_RTPRIO, (0, 0))}
        with Machine(GOOD) as machine:
            _, report = machine.findings(**nobody)
            self.assertEqual(severity(report, "group"), ["note"])
            self.assertEqual(severity(report, "your_limits"), ["note"])
            self.assertIn("95-chimed.conf grants it to @audio", text(report, "your_limits"))
            self.assertIn("usermod -aG audio nobody", str(report))
        with Machine(GOOD | {"etc/security/limits.d/95-chimed.conf": "@pipewire - rtprio 95\n", "etc/security/limits.conf":
                             "nobody - rtprio 50\n"}) as machine:
            self.assertIn("limits.conf grants it to nobody; after this, log in anew", text(machine.findings(**nobody)[1], "your_limits"))
        with Machine(GOOD | {"etc/security/limits.d/95-chimed.conf": "@pipewire - rtprio 95\n"}) as machine:
            self.assertIn("> /etc/security/limits.d/95-chimed.conf", str(machine.findings(**nobody)[1]))
        with Machine(GOOD | {"etc/security/limits.d/95-chimed.conf": None, "proc/812/comm": "other\n"}) as machine:
            _, report = machine.findings(**nobody)
            self.assertEqual(severity(report, "your_limits"), ["warning"])  # no daemon runs: this is about the next one
            self.assertIn("> /etc/security/limits.d/95-chimed.conf", str(report))
            self.assertEqual(severity(report, "devices"), ["note"])

    def test_remedies_name_the_unit(self):
        for group, command in [("/system.slice/system-chimed.slice/chimed@usb.service", "systemctl restart chimed@usb.service"),
                               ("/user.slice/user-7.slice/user@7.service/session.slice/chimed.service",
                                "systemctl --user restart chimed.service"),
                               ("/user.slice/user-7.slice/session-3.scope", "kill 812, and start it again")]:
            with self.subTest(group), Machine(GOOD | {"proc/812/cgroup": f"0::{group}\n", SOCKET: ""}) as machine:
                for path, wanted in ((SOCKET, command), (SOCKET + ".other", re.sub(r"(systemctl.*)\.service", r"\1.socket", command))):
                    found = [f for f in machine.findings("--url", f"osc.unix:///{path}")[1]["findings"] if f["topic"] == "daemon"]
                    self.assertEqual(found[0]["remedy"], wanted)
                    self.assertEqual(found[0]["as_root"], "chimed@" in group)
                    self.assertEqual("somebody has removed it" in found[0]["text"], path != SOCKET)
        with Machine(GOOD | {"proc/812/comm": "other\n"}) as machine:
            self.assertIn("systemctl start chimed", str(machine.findings()[1]["findings"][0]))

    def test_an_instance_has_the_limits_of_its_template(self):
        files = {"proc/812/cgroup": "0::/system.slice/chimed@usb.service\n", "proc/812/limits": LIMITS.replace("95", "0 "),
                 "proc/812/task/813/stat": STAT % (0, 0), "etc/systemd/system/chimed@.service": "[Service]\nLimitRTPRIO=80\n"}
        with Machine(GOOD | files) as machine:
            self.assertIn("chimed@usb.service asks for LimitRTPRIO=80", text(machine.findings()[1], "limits"))

    def test_a_daemon_that_waits_for_a_restart(self):
        with Machine(GOOD, LINKS | {"proc/812/exe": "/usr/bin/chimed (deleted)"}) as machine:
            self.assertIn("waits for a restart", text(machine.findings()[1], "daemon"))

    def test_who_holds_a_card_after_its_thread_has_ended(self):
        files = {"proc/asound/card0/pcm0p/sub0/status": OWNED % 99, "proc/77/comm": "player\n"}
        with Machine(GOOD | files, LINKS | {"proc/77/fd/5": "/dev/snd/pcmC0D0p", "proc/77/fd/4": "/dev/null"}) as machine:
            self.assertIn("held by player (process 77)", text(machine.findings()[1], "card"))

    def test_every_substream_is_looked_at(self):
        files = {"proc/asound/card0/pcm0p/sub0/status": "closed\n", "proc/asound/card0/pcm1p/sub3/status": OWNED % 77,
                 "proc/77/comm": "mpd\n"}
        with Machine(GOOD | files) as machine:
            self.assertIn("held by mpd", text(machine.findings()[1], "card"))

    def test_nothing_to_read(self):
        with Machine({}) as machine:
            done = machine.doctor()
        self.assertEqual(done.returncode, 10, done.stderr)
        self.assertIn("no sound card", done.stdout)

    def test_a_folder_to_measure(self):
        with Machine(GOOD) as machine:
            self.assertIn(f"{machine.root}/usr", text(machine.findings("--sounds", machine.root / "usr")[1], "disk"))
            _, report = machine.findings("--sounds", machine.root / "none")
            self.assertEqual(severity(report, "disk"), ["warning"])

    def test_one_screen(self):
        with Machine(GOOD) as machine:
            lines = machine.doctor().stdout.splitlines()
            self.assertLess(len(lines), 20)
            all_lines = machine.doctor("--verbose").stdout.splitlines()
        self.assertGreater(len(all_lines), len(lines))
        commands = [line for line in lines if re.match(r" +[#$] ", line)]
        self.assertEqual([line for line in lines if len(line) > 80 and line not in commands], [])
        self.assertFalse([line for line in lines if "\033" in line])  # this is no terminal
        self.assertIn("--verbose tells", "".join(lines))

    def test_colours_on_a_terminal(self):
        with Machine(GOOD) as machine:
            ours, its = pty.openpty()
            done = subprocess.Popen(machine.command(), stdin=subprocess.DEVNULL, stdout=its)
            os.close(its)
            seen = b""
            try:
                while piece := os.read(ours, 4096):
                    seen += piece
            except OSError:  # the other side is closed
                pass
            os.close(ours)
            self.assertEqual(done.wait(), 10)
        self.assertIn(b"\033[33mwarning", seen)

    def test_a_living_daemon(self):
        with harness.Daemon() as daemon:
            done = daemon.chime("doctor", "--json")
            report = json.loads(done.stdout)
            self.assertEqual(severity(report, "output"), ["problem"])  # the timer: no sound leaves
            self.assertEqual(severity(report, "daemon")[0] in ("ok", "warning"), True, report)
            self.assertIn("the daemon wants", text(report, "locked_memory"))
            self.assertEqual(len(severity(report, "audio_thread")), 1)
            self.assertEqual(severity(report, "xruns")[0] != "problem", True)
            self.assertEqual(done.returncode, 11)
            shown = daemon.chime("doctor").stdout
        self.assertIn("This machine cannot make sound as it should", shown)

    def test_every_topic_is_in_the_manual(self):
        page = tree.read("docs/chime.1.in").replace("\\", "")
        for topic in re.findall(r"^TOPIC\((\w+),", tree.read("clients/doctor.def"), re.M):
            self.assertRegex(page, rf"(?m)^\.BR? .*\b{topic}\b", topic)

    def test_wrong_usage(self):
        with Machine(GOOD) as machine:
            self.assertEqual(machine.doctor("word").returncode, 2)


if __name__ == "__main__":
    unittest.main()
