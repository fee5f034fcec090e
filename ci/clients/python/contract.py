"""The Python client (PyPI: toxiproxy-python) against our server: whatever it can do, and that it works.

TOXIPROXY_URL says where the server is.
"""

import os
import socket
import threading
import time
import unittest
from urllib.parse import urlparse

from toxiproxy import Toxiproxy
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists
from toxiproxy.utils import can_connect_to


def serve(stream):
    """Says back what it hears, until the other side is done."""
    with stream:
        while data := stream.recv(4096):
            stream.sendall(data)


def echo():
    """A callee; gives its address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept():
        while True:
            stream, _ = listener.accept()
            threading.Thread(target=serve, args=(stream,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return "127.0.0.1:%d" % listener.getsockname()[1]


def address(listen):
    host, port = listen.split(":")
    return host, int(port)


def ping(listen):
    """Asks through a proxy; gives the seconds that it took."""
    began = time.monotonic()
    with socket.create_connection(address(listen), timeout=20) as stream:
        stream.sendall(b"ping")
        received = b""
        while len(received) < 4:
            piece = stream.recv(4)
            if not piece:
                raise EOFError("closed")
            received += piece
    return time.monotonic() - began


class Contract(unittest.TestCase):
    def setUp(self):
        self.server = Toxiproxy()
        url = urlparse(os.environ["TOXIPROXY_URL"])
        self.server.update_api_consumer(url.hostname, url.port)
        self.server.destroy_all()
        self.upstream = echo()

    def tearDown(self):
        self.server.destroy_all()

    def create(self, **more):
        return self.server.create(upstream=self.upstream, name="p", **more)

    def test_it_runs_and_has_a_version(self):
        self.assertTrue(self.server.running())
        self.assertIn(b'"version"', self.server.version())

    def test_a_proxy_is_created_found_and_destroyed(self):
        proxy = self.create()
        self.assertEqual(proxy.upstream, self.upstream)
        self.assertTrue(proxy.enabled)
        self.assertNotEqual(address(proxy.listen)[1], 0)
        ping(proxy.listen)
        self.assertEqual(self.server.get_proxy("p").listen, proxy.listen)
        self.assertIsNone(self.server.get_proxy("q"))
        self.assertEqual(list(self.server.proxies()), ["p"])
        self.assertTrue(self.server.destroy(proxy))
        self.assertEqual(self.server.proxies(), {})
        self.assertFalse(can_connect_to(*address(proxy.listen)))

    def test_a_proxy_created_disabled_keeps_its_address(self):
        proxy = self.create(enabled=False, listen="127.0.0.1:43215")
        self.assertFalse(proxy.enabled)
        self.assertEqual(proxy.listen, "127.0.0.1:43215")

    def test_a_name_is_taken_once(self):
        self.create()
        with self.assertRaises(ProxyExists):
            self.create()

    def test_disable_and_enable(self):
        proxy = self.create()
        listen = proxy.listen
        proxy.add_toxic(type="latency", attributes={"latency": 1})
        proxy.disable()
        self.assertFalse(can_connect_to(*address(listen)))
        proxy.enable()
        ping(listen)
        self.assertEqual(proxy.get_toxic("latency_downstream").attributes["latency"], 1)
        with proxy.down():
            self.assertFalse(can_connect_to(*address(listen)))
        ping(listen)

    def test_a_toxic_is_added_felt_and_destroyed(self):
        proxy = self.create()
        proxy.add_toxic(type="latency", attributes={"latency": 300, "jitter": 0})
        toxic = proxy.get_toxic("latency_downstream")
        self.assertEqual(toxic.type, "latency")
        self.assertEqual(toxic.stream, "downstream")
        self.assertEqual(toxic.toxicity, 1)
        self.assertEqual(toxic.attributes, {"latency": 300, "jitter": 0})
        self.assertGreaterEqual(ping(proxy.listen), 0.3)
        self.assertTrue(proxy.destroy_toxic("latency_downstream"))
        self.assertEqual(proxy.toxics(), {})

    def test_every_type_of_toxic(self):
        proxy = self.create()
        types = {
            "latency": {"latency": 1, "jitter": 1},
            "bandwidth": {"rate": 1000},
            "slow_close": {"delay": 1},
            "timeout": {"timeout": 1},
            "reset_peer": {"timeout": 1},
            "slicer": {"average_size": 2, "size_variation": 1, "delay": 1},
            "limit_data": {"bytes": 1000},
            "packet_loss": {"loss_rate": 0.5, "correlation": 0.25},
            "noop": {},
        }
        for type_, attributes in types.items():
            for stream in ("upstream", "downstream"):
                proxy.add_toxic(type=type_, stream=stream, toxicity=0.5, attributes=attributes)
                toxic = proxy.get_toxic("%s_%s" % (type_, stream))
                self.assertEqual(toxic.attributes, attributes)
                self.assertEqual(toxic.toxicity, 0.5)
                self.assertEqual(toxic.stream, stream)
        self.assertEqual(len(proxy.toxics()), 2 * len(types))

    def test_a_reset_is_a_reset(self):
        proxy = self.create()
        proxy.add_toxic(type="reset_peer", attributes={"timeout": 0})
        with self.assertRaises(ConnectionResetError):
            ping(proxy.listen)

    def test_fail_the_first_two_then_pass(self):
        proxy = self.create()
        proxy.add_toxic(
            type="limit_data", attributes={"bytes": 0, "times": {"first": 2}}
        )
        for _ in range(2):
            with self.assertRaises(EOFError):
                ping(proxy.listen)
        ping(proxy.listen)

    def test_what_is_wrong_is_an_error(self):
        proxy = self.create()
        with self.assertRaises(InvalidToxic):
            proxy.add_toxic(type="earthquake")
        with self.assertRaises(InvalidToxic):
            proxy.add_toxic(type="latency", stream="sideways")
        with self.assertRaises(NotFound):
            proxy.destroy_toxic("nothing")
        proxy.add_toxic(type="noop")
        with self.assertRaises(ProxyExists):
            proxy.add_toxic(type="noop")

    def test_populate(self):
        wanted = [
            {"name": "a", "upstream": self.upstream, "listen": "localhost:0"},
            {"name": "b", "upstream": self.upstream, "listen": "localhost:0"},
        ]
        for proxy in self.server.populate(wanted):
            ping(proxy.listen)

    def test_reset(self):
        proxy = self.create()
        proxy.disable()
        proxy.add_toxic(type="timeout")
        self.assertTrue(self.server.reset())
        self.assertEqual(proxy.toxics(), {})
        ping(proxy.listen)


if __name__ == "__main__":
    unittest.main()
