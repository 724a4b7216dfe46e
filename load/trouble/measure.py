"""One destination of three misbehaves under load, in each of seven ways, and heals: what the clients see of it.

measure.py BINARY small|full [WAY...]. Needs nothing beside Python and the edge's published binary. What the columns say: load/README.md.
"""
import asyncio
import multiprocessing
import re
import sys
import tempfile
import time

from peers import Load, p99, start_edge

WAYS = ["hangs", "resets", "answers 500", "answers garbage", "truncates", "drips the head", "drips the body"]
WELL = -1
BODY = 20
RATE = 300  # requests a second
CONNECTIONS = 96


class Destination:
    """A destination in a process of its own. Its way is a number that all can see."""

    def __init__(self, name):
        self.way = multiprocessing.Value("i", WELL)
        self.port = multiprocessing.Value("i", 0)
        self.process = multiprocessing.Process(target=lambda: asyncio.run(self.serve(name)), daemon=True)
        self.process.start()
        while self.port.value == 0:
            time.sleep(0.01)

    async def serve(self, name):
        body = name.encode() * BODY
        well = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (BODY, body)

        async def drip(writer, data):
            for i in range(len(data)):
                if writer.transport.is_closing():
                    return
                writer.write(data[i:i + 1])
                await asyncio.sleep(1)

        async def answer(reader, writer):
            try:
                while await reader.readuntil(b"\r\n\r\n"):
                    way = self.way.value
                    if way == WELL:
                        writer.write(well)
                        continue
                    way = WAYS[way]
                    if way == "hangs":
                        await asyncio.sleep(3600)
                    elif way == "resets":
                        writer.transport.abort()
                        return
                    elif way == "answers 500":
                        writer.write(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")
                    elif way == "answers garbage":
                        writer.write(b"NOT HTTP AT ALL\r\n\r\n")
                        return
                    elif way == "truncates":
                        writer.write(well[:-BODY // 2])
                        return
                    elif way == "drips the head":
                        await drip(writer, well)
                    else:
                        writer.write(well[:-BODY])
                        await drip(writer, body)
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=512)
        self.port.value = server.sockets[0].getsockname()[1]
        await server.serve_forever()


def configuration(destinations, quick):
    resilience = {"Ejection": {"Base": "5s", "Max": "1m"}, "CircuitBreaker": {"RecoverOver": "5s"}} if quick else {}
    return {
        "Edge": {"Listen": ["http://127.0.0.1:0"], "Admin": {"Listen": "http://127.0.0.1:0"}},
        "ReverseProxy": {
            "Routes": {"all": {"ClusterId": "app", "Match": {"Path": "/{**rest}"}, "Timeout": "2s", "Retry": {"Attempts": 3}}},
            "Clusters": {"app": {
                "Timeouts": {"PerTry": "500ms"},
                "Destinations": {name: {"Address": f"http://127.0.0.1:{d.port.value}/"} for name, d in destinations.items()},
                **resilience}},
        },
    }


async def measure(binary, way, quick, destinations):
    bad = destinations["a"]
    with tempfile.TemporaryDirectory() as folder:
        process, port, log = start_edge(binary, folder, configuration(destinations, quick))
        load = Load(port, RATE, CONNECTIONS)
        running = asyncio.create_task(load.run())
        try:
            await asyncio.sleep(4)
            healthy = time.monotonic()
            await asyncio.sleep(6 if quick else 10)
            trouble = time.monotonic()
            bad.way.value = WAYS.index(way)
            await asyncio.sleep(12 if quick else 20)
            healed = time.monotonic()
            bad.way.value = WELL
            back = None
            deadline = healed + (30 if quick else 120)
            while back is None and time.monotonic() < deadline:
                await asyncio.sleep(0.5)
                now = time.monotonic()
                last = [who for sent, _, who in load.results if now - 2 <= sent < now]
                if last and last.count("a") >= 0.9 * len(last) / 3:
                    back = now - healed
            recovering = re.findall(r"Destination app/a is (\w+)", open(log).read())
        finally:
            load.stopped = True
            await running
            process.terminate()
            process.wait()
    before = [seconds for sent, seconds, _ in load.results if healthy <= sent < trouble]
    during = [(sent, seconds, who) for sent, seconds, who in load.results if trouble <= sent < healed]
    settled = [result for result in during if result[0] >= trouble + 2]
    success = 100 * sum(who is not None for _, _, who in settled) / len(settled)
    late = p99([seconds for _, seconds, _ in settled])
    print(f"| {way} | {len(during)} | {sum(who is None for _, _, who in during)} | {success:.2f} % | {p99(before):.1f} | {late:.1f} |"
          f" {late / p99(before):.2f} | {'-' if back is None else f'{back:.1f}'} | {len(recovering)} |", flush=True)


async def main():
    binary, size, *ways = sys.argv[1:]
    destinations = {name: Destination(name) for name in "abc"}
    print("| the first of three | requests | failed | answered, from 2 s on | p99 well, ms | p99 from 2 s on, ms | ratio | full share after, s | changes of its breaker |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    for way in ways or WAYS:
        await measure(binary, way, size == "small", destinations)


if __name__ == "__main__":
    asyncio.run(main())
