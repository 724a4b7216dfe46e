"""Ten thousand slow clients beside one that is not: what the other one notices, and what they take.

measure.py BINARY small|full. Needs nginx and slowhttptest. What the columns say: load/README.md.
"""
import asyncio
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
        "Edge": {"Listen": ["http://127.0.0.1:0"], "Admin": {"Listen": "http://127.0.0.1:0"}, "Connections": {"Max": 11_000}},
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


async def measure(binary, way, small):
    clients, rate, length = (10_000, 1000, 30) if small else (10_000, 1000, 90)
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        nginx, upstream = start_nginx(folder)
        process, port, _ = start_edge(binary, folder, configuration(upstream))
        load = Load(port, 100, 16)
        running = asyncio.create_task(load.run())
        try:
            await asyncio.sleep(5)
            started = time.monotonic()
            await asyncio.sleep(10)
            slow = time.monotonic()
            idle, at = seconds_of_processor(process), megabytes(process)
            attack = subprocess.Popen(
                ["slowhttptest", *WAYS[way], "-c", str(clients), "-r", str(rate), "-l", str(length),
                 "-u", f"http://127.0.0.1:{port}/large", "-v", "0"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            peak, files = at, 0
            while attack.poll() is None:
                await asyncio.sleep(0.5)
                peak = max(peak, megabytes(process))
                files = max(files, len(os.listdir(f"/proc/{process.pid}/fd")))
            over = time.monotonic()
            busy = seconds_of_processor(process) - idle
        finally:
            load.stopped = True
            await running
            for one in (process, nginx):
                one.terminate()
                one.wait()
    before = [seconds for sent, seconds, _ in load.results if started <= sent < slow]
    during = [(seconds, who) for sent, seconds, who in load.results if slow <= sent < over]
    failed = sum(who is None for _, who in during)
    late = p99([seconds for seconds, _ in during])
    print(f"| {way} | {files} | {len(during)} | {failed} | {p99(before):.1f} | {late:.1f} | {late / p99(before):.2f} | {at:.0f} |"
          f" {peak:.0f} | {busy / (over - slow):.2f} |", flush=True)


async def main():
    binary, size, *ways = sys.argv[1:]
    print("| slow clients | files open at most | requests beside | failed | p99 before, ms | p99 beside, ms | ratio"
          " | MB before | MB at most | cores |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for way in ways or WAYS:
        await measure(binary, way, size == "small")


if __name__ == "__main__":
    asyncio.run(main())
