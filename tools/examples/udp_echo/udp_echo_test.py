"""Drives udp_echo with socat and plain sockets: udp_echo_test.py UDP_ECHO."""

import os
import signal
import socket
import struct
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "testing"))
from running import MINUTE, Server  # noqa: E402

UDP_ECHO = ""


def server():
    return Server(UDP_ECHO, "127.0.0.1:0")


def client_of(one):
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(MINUTE)
    client.connect((one.host, one.port))
    return client


class UdpEchoTest(unittest.TestCase):
    def test_socat_hears_itself(self):
        with server() as one:
            ended = subprocess.run(["socat", "-t", "5", "-", "UDP:" + one.address], input=b"there and back",
                                   stdout=subprocess.PIPE, timeout=MINUTE, check=True)
            self.assertEqual(ended.stdout, b"there and back")

    def test_datagrams_of_all_sizes_go_back_to_their_senders(self):
        with server() as one:
            clients = [client_of(one) for _ in range(8)]
            for size in (0, 1, 100, 1472, 9000, 65507):
                for number, client in enumerate(clients):
                    client.send(bytes([number]) * size)
                    self.assertEqual(client.recv(1 << 17), bytes([number]) * size)
            for client in clients:
                client.close()

    def test_one_that_is_gone_harms_nobody(self):
        with server() as one:
            for _ in range(10):
                with client_of(one) as gone:
                    gone.send(b"answer me, if you can")
            with client_of(one) as client:
                client.send(b"hello")
                self.assertEqual(client.recv(100), b"hello")

    def test_one_without_an_address_harms_nobody(self):
        try:
            raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
        except PermissionError:
            self.skipTest("only root sends from port 0")
        with server() as one, raw:
            source, size, checksum = 0, 8 + 2, 0  # nobody can answer to port 0
            for _ in range(10):
                raw.sendto(struct.pack("!HHHH", source, one.port, size, checksum) + b"hi", (one.host, 0))
            with client_of(one) as client:
                client.send(b"hello")
                self.assertEqual(client.recv(100), b"hello")

    def test_both_signals_end_it(self):
        for how in (signal.SIGINT, signal.SIGTERM):
            with server() as one:
                one.terminate(how)
                self.assertEqual((one.wait(), one.log()), (0, ""))

    def test_a_port_in_use_is_said(self):
        with server() as one:
            ended = subprocess.run([UDP_ECHO, one.address], stderr=subprocess.PIPE, timeout=MINUTE, check=False)
            self.assertEqual(ended.returncode, 1)
            self.assertIn(b"in use", ended.stderr)


if __name__ == "__main__":
    UDP_ECHO = os.path.abspath(sys.argv.pop(1))
    unittest.main()
