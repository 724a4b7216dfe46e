#!/usr/bin/env python3
"""Starts the edge with many routes and reloads it while clients keep asking. Standard library only.

measure.py BINARY [ROUTES] [RELOADS]

Prints how long the start took, the first request after Ready, and for each reload the requests that were answered while it
went on, those that failed, and the longest latency.
"""
import http.client, http.server, json, os, re, subprocess, sys, tempfile, threading, time

binary = sys.argv[1]
routes = int(sys.argv[2]) if len(sys.argv) > 2 else 10000
reloads = int(sys.argv[3]) if len(sys.argv) > 3 else 5
CLIENTS = 4


class Upstream(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


def document(revision, upstream):
    table = {f"route-{n}": {"ClusterId": "up", "Match": {"Path": f"/r/{n}/{{**rest}}"}} for n in range(routes)}
    table["revision"] = {"ClusterId": "up", "Match": {"Path": "/revision"},
                         "Transforms": [{"ResponseHeader": "X-Revision", "Set": str(revision)}]}
    return json.dumps({
        "Edge": {"Listen": ["http://127.0.0.1:0"], "Admin": {"Listen": "http://127.0.0.1:0"}},
        "ReverseProxy": {"Routes": table, "Clusters": {"up": {"Destinations": {"a": {"Address": upstream}}}}}})


def write(path, text):
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(path + ".new", path)


def get(connection, path):
    began = time.perf_counter()
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    return answer, (time.perf_counter() - began) * 1000


class Client(threading.Thread):
    def __init__(self, port, number):
        super().__init__(daemon=True)
        self.port, self.number, self.stop = port, number, False
        self.taken, self.failed = [], []

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        n = self.number
        while not self.stop:
            n = (n + 7919) % routes
            try:
                answer, took = get(connection, f"/r/{n}/x")
                self.taken.append(took)
                if answer.status != 200:
                    self.failed.append(answer.status)
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(repr(error))
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)


def under_load(port, action):
    clients = [Client(port, i * 31) for i in range(CLIENTS)]
    for client in clients:
        client.start()
    began = time.perf_counter()
    action()
    took = time.perf_counter() - began
    for client in clients:
        client.stop = True
    for client in clients:
        client.join(30)
    latencies = sorted(t for c in clients for t in c.taken)
    failed = [f for c in clients for f in c.failed]
    p99 = latencies[int(len(latencies) * 0.99)]
    return f"| {took:.1f} s | {len(latencies)} | {len(failed)} | {p99:.1f} ms | {latencies[-1]:.1f} ms |"


def main():
    upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{upstream.server_address[1]}/"
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "edgeproxy.json")
        write(path, document(0, address))
        began = time.perf_counter()
        edge = subprocess.Popen([binary, "run", "--config", folder], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            for line in edge.stdout:
                if "Ready: traffic on " in line:
                    break
            else:
                sys.exit("the edge did not start")
            ready = time.perf_counter() - began
            port = int(re.search(r"traffic on http://127\.0\.0\.1:(\d+)", line).group(1))
            threading.Thread(target=edge.stdout.read, daemon=True).start()
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            first, second = (get(connection, "/revision")[1] for _ in range(2))
            print(f"{routes} routes: Ready after {ready:.1f} s; first request {first:.1f} ms, second {second:.1f} ms\n")
            print("| while | took | requests | failed | p99 | longest |\n|---|---|---|---|---|---|")
            print("| no reload", under_load(port, lambda: time.sleep(5)))
            for revision in range(1, reloads + 1):
                def reload():
                    write(path, document(revision, address))
                    asking = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                    while get(asking, "/revision")[0].getheader("X-Revision") != str(revision):
                        time.sleep(0.05)
                    time.sleep(1)  # what a swap leaves to do falls into the measurement too
                print(f"| reload {revision}", under_load(port, reload), flush=True)
        finally:
            edge.terminate()
            edge.wait(60)


main()
