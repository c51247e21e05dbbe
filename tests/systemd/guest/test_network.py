#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# test_network.py - what others on the network see of the daemon: the service that avahi announces, and the port that it names.
import shutil
import socket
import sys
import unittest

import harness
from service import PORT, Test, drop_in, run, systemctl

EXAMPLE, SERVICE = "/usr/local/share/doc/chimed/examples/chimed.avahi", "/etc/avahi/services/chimed.service"
ADDRESS = "192.0.2.1"  # for documentation, so nobody's
OPEN = f"[control]\nlisten = {ADDRESS}\n[access]\nallow_from = 192.0.2.0/24\n"


class Announced(Test):
    def setUp(self):
        super().setUp()
        for words in (("link", "add", "chimed0", "type", "veth", "peer", "name", "chimed1"),
                      ("address", "add", f"{ADDRESS}/24", "dev", "chimed0"),
                      ("link", "set", "chimed0", "up", "multicast", "on"), ("link", "set", "chimed1", "up")):
            run("ip", *words)
        shutil.copy(EXAMPLE, SERVICE)

    def service(self, kind):
        """What is announced on the network: name, address, port and text, or None."""
        for line in run("avahi-browse", "--resolve", "--parsable", "--terminate", kind).stdout.splitlines():
            if line.startswith("=;chimed0;IPv4;"):
                words = line.split(";")
                return words[3], *words[7:]
        return None

    def test_avahi(self):
        """The example file, and the settings that it asks for: whoever finds the service reaches the daemon."""
        self.configure(OPEN)
        drop_in("[Service]\nRestrictAddressFamilies=AF_INET AF_INET6\nIPAddressAllow=192.0.2.0/24\n", name="network")
        self.start()
        systemctl("start", "avahi-daemon")
        for kind in "_osc._udp", "_osc._tcp":
            name, address, port, text = self.until(lambda kind=kind: self.service(kind), f"the service {kind}")
            self.assertEqual((address, port), (ADDRESS, str(PORT)))
            self.assertIn("chimed", name)
            self.assertIn('"types=', text)
        with socket.create_connection((address, int(port)), timeout=10) as stream:
            stream.sendall(b"ping\n")
            self.assertIn(b"done", stream.recv(1000))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(10)
            client.sendto(harness.osc("/ping"), (address, int(port)))
            self.assertEqual(harness.messages(client.recv(1000)), [["/done", "/ping"]])


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
