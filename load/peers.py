"""What the measurements share: a client that sends at times set beforehand, and the edge as a process."""
import asyncio
import json
import os
import re
import subprocess
import time


class Load:
    """Sends at times set beforehand, whatever becomes of the requests before."""

    def __init__(self, port, rate, connections, path=b"/"):
        self.port = port
        self.path = path
        self.rate = rate  # requests a second
        self.connections = connections
        self.results = []  # (sent, seconds, who answered or None)
        self.stopped = False

    async def run(self):
        queue = asyncio.Queue()
        clients = [asyncio.create_task(self.client(queue)) for _ in range(self.connections)]
        start = time.monotonic()
        number = 0
        while not self.stopped:
            while number < (time.monotonic() - start) * self.rate:
                queue.put_nowait(start + number / self.rate)
                number += 1
            await asyncio.sleep(0.002)
        for client in clients:
            client.cancel()

    async def client(self, queue):
        connection = None
        while True:
            sent = await queue.get()
            who = None
            try:
                if connection is None:
                    connection = await asyncio.open_connection("127.0.0.1", self.port)
                reader, writer = connection
                writer.write(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % self.path)
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(re.search(rb"Content-Length: (\d+)", head)[1])
                body = await reader.readexactly(length)
                who = chr(body[0]) if head.startswith(b"HTTP/1.1 200 ") else None
            except (asyncio.IncompleteReadError, ConnectionError, TypeError):
                connection = None
            self.results.append((sent, time.monotonic() - sent, who))


def start_edge(binary, folder, configuration):
    """The process, its port for traffic and the path of its log; the configuration listens on port 0."""
    with open(os.path.join(folder, "edgeproxy.json"), "w") as file:
        json.dump(configuration, file)
    log = open(os.path.join(folder, "log"), "w+")
    process = subprocess.Popen([binary, "run", "--config", folder], stdout=log, stderr=subprocess.STDOUT)
    for _ in range(300):
        text = open(log.name).read()
        ready = re.search(r"Ready: traffic on http://127\.0\.0\.1:(\d+)", text)
        if ready:
            return process, int(ready[1]), log.name
        time.sleep(0.1)
    raise SystemExit("the edge does not start:\n" + text)


def p99(seconds):
    return 1000 * sorted(seconds)[int(len(seconds) * 0.99)] if seconds else float("nan")
