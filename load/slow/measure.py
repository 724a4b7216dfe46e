"""Ten thousand slow clients beside one that is not: what the other one notices, and what they take.

measure.py BINARY small|full. Needs nginx and slowhttptest. What the columns say: load/README.md.
"""
import asyncio
import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
import time

from peers import Load, p99, start_edge

WAYS = {
    "slow headers": ["-H", "-i", "5", "-x", "10"],
    "slow body": ["-B", "-i", "5", "-s", "8192", "-x", "10"],
    "slow read": ["-X", "-n", "5", "-z", "10", "-k", "3"],
}


def start_nginx(folder):
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    with open(os.path.join(folder, "large"), "wb") as file:
        file.write(b"x" * 200_000)
    with open(os.path.join(folder, "nginx.conf"), "w") as file:
        file.write(f"""worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/nginx.log;
events {{ worker_connections 19000; }}
http {{ access_log off; keepalive_requests 1000000000; client_body_temp_path {folder}; proxy_temp_path {folder};
fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
server {{ listen 127.0.0.1:{port} backlog=4096; root {folder}; location = /well {{ return 200 "aaaaaaaaaaaaaaaaaaaa"; }} }} }}
""")
    return subprocess.Popen(["nginx", "-c", f"{folder}/nginx.conf"], stderr=subprocess.DEVNULL), port


def configuration(upstream):
    return {
        "Edge": {"Listen": ["http://127.0.0.1:0"], "Admin": {"Listen": "http://127.0.0.1:0"}},
        "ReverseProxy": {
            "Routes": {
                "well": {"ClusterId": "app", "Match": {"Path": "/"}, "Transforms": [{"PathSet": "/well"}]},
                "slow": {"ClusterId": "app", "Match": {"Path": "/{**rest}"}},
            },
            "Clusters": {"app": {"Destinations": {"a": {"Address": f"http://127.0.0.1:{upstream}/"}}}},
        },
    }


def megabytes(process):
    with open(f"/proc/{process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024


def seconds_of_processor(process):
    with open(f"/proc/{process.pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def sample(process, samples, stop):
    """In a process of its own: to list twenty thousand files takes longer than a request does."""
    while not stop.wait(0.5):
        samples.put((time.monotonic(), len(os.listdir(f"/proc/{process.pid}/fd")), megabytes(process), seconds_of_processor(process)))
    samples.put(None)


def phases(samples):
    """The time in which nine tenths of the most that were ever open are open."""
    most = max(files for _, files, _, _ in samples)
    there = [one for one in samples if one[1] >= 0.9 * most]
    return most, there[0], there[-1]


async def measure(binary, way, small):
    clients, rate, length = (10_000, 1000, 60) if small else (10_000, 1000, 120)
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        nginx, upstream = start_nginx(folder)
        process, port, _ = start_edge(binary, folder, configuration(upstream))
        load, direct = Load(port, 100, 16), Load(upstream, 100, 16, b"/well")
        running = asyncio.gather(load.run(), direct.run())
        samples, stop = multiprocessing.Queue(), multiprocessing.Event()
        multiprocessing.Process(target=sample, args=(process, samples, stop), daemon=True).start()
        try:
            await asyncio.sleep(5)
            started = time.monotonic()
            await asyncio.sleep(10)
            coming, before = time.monotonic(), megabytes(process)
            attack = subprocess.Popen(
                ["slowhttptest", *WAYS[way], "-c", str(clients), "-r", str(rate), "-l", str(length),
                 "-u", f"http://127.0.0.1:{port}/large", "-v", "0"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while attack.poll() is None:
                await asyncio.sleep(0.1)
            await asyncio.sleep(2)
            gone = time.monotonic()
        finally:
            stop.set()
            load.stopped = direct.stopped = True
            await running
            seen = list(iter(samples.get, None))
            for one in (process, nginx):
                one.terminate()
                one.wait()
    most, first, last = phases([one for one in seen if one[0] >= coming])
    beside = [who for sent, _, who in load.results if coming <= sent < gone]
    times = [started, coming, first[0], last[0], gone]
    late = [" / ".join(f"{p99([s for sent, s, _ in one.results if begin <= sent < end]):.1f}" for one in (load, direct))
            for begin, end in zip(times, times[1:])]
    print(f"| {way} | {most} | {last[0] - first[0]:.0f} | {len(beside)} | {beside.count(None)} | {' | '.join(late)} |"
          f" {before:.0f} | {max(one[2] for one in seen):.0f} | {(last[3] - first[3]) / (last[0] - first[0]):.2f} |", flush=True)


async def main():
    binary, size, *ways = sys.argv[1:]
    print("| slow clients | files open at most | for, s | requests beside | failed | p99 before, ms | while they come, ms"
          " | while they are there, ms | when they go, ms | MB before | MB at most | cores |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for way in ways or WAYS:
        await measure(binary, way, size == "small")


if __name__ == "__main__":
    asyncio.run(main())
