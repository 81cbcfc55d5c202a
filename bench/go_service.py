"""examples/go/service under load, beside the bare library.

    python3 bench/go_service.py [--seconds 60] [--connections 8] [--build build] [--models models] [--photos build/photos]

wrk (Debian's) sends photographs to /identify; bench_identify does the same work in C, without HTTP, before and after.
Prints one JSON object: requests a second, errors, waiting times, and the memory of the service along the way."""
import argparse
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import machine  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent
PHOTOS = ("biden.jpg", "obama.jpg", "obama2.jpg", "obama3.jpg")

LUA = """
local photos = {}
function init()
    for name in string.gmatch(os.getenv("PHOTOS"), "[^ ]+") do
        local file = assert(io.open(name, "rb"))
        photos[#photos + 1] = wrk.format("POST", "/identify", {["Content-Type"] = "image/jpeg"}, file:read("*a"))
        file:close()
    end
end
local sent = 0
function request()
    sent = sent + 1
    return photos[sent % #photos + 1]
end
function done(summary, latency)
    local e = summary.errors
    print(string.format("RESULT %d %d %d %d %d %d %d %.3f %.3f", summary.requests, summary.duration, e.connect, e.read,
        e.write, e.status, e.timeout, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
"""


def environment(build):
    return {**os.environ, "PKG_CONFIG_PATH": str(build / "go"), "LD_LIBRARY_PATH": str(build / "lib")}


def build_service(build, folder):
    program = folder / "service"
    subprocess.run([ROOT / "bindings/go/tools/go.sh", "build", "-o", program, "."], cwd=ROOT / "examples/go/service",
                   env=environment(build), check=True)
    return program


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def resident_kib(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(r"VmRSS:\s+(\d+)", text).group(1))


def post(port, path, data):
    with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=data), timeout=60) as answer:
        return json.load(answer)


def wait_until_up(port):
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the service does not start")


def load(port, photos, seconds, connections, folder):
    script = folder / "photos.lua"
    script.write_text(LUA, encoding="ascii")
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s", "-s", script,
                          f"http://127.0.0.1:{port}"], env={**os.environ, "PHOTOS": " ".join(map(str, photos))},
                         check=True, capture_output=True, text=True).stdout
    fields = [float(x) for x in re.search(r"RESULT (.*)", out).group(1).split()]
    return {"requests": int(fields[0]), "per_second": round(fields[0] / fields[1] * 1e6, 2), "errors": int(sum(fields[2:7])),
            "median_ms": fields[7], "p99_ms": fields[8]}


def watched(pid, samples, stop):
    while not stop.wait(1):
        samples.append(resident_kib(pid))


def measure(program, args, photos, folder):
    port = free_port()
    service = subprocess.Popen([program, "-listen", f"127.0.0.1:{port}", "-models", args.models, "-gallery",
                                folder / "people.fmg", "-sessions", str(args.sessions)], env=environment(args.build))
    try:
        wait_until_up(port)
        post(port, "/people/first", photos[0].read_bytes())
        load(port, photos, max(5, args.seconds // 6), args.connections, folder)  # warm-up
        before, samples, stop = resident_kib(service.pid), [], threading.Event()
        watcher = threading.Thread(target=watched, args=(service.pid, samples, stop))
        watcher.start()
        result = load(port, photos, args.seconds, args.connections, folder)
        stop.set()
        watcher.join()
        result["resident_kib"] = {"before": before, "after": resident_kib(service.pid), "most": max(samples)}
    finally:
        service.terminate()
        status = service.wait(30)
    result["exit_status"] = status
    return result


def bare(args, photos):
    out = subprocess.run([args.build / "bin/bench_identify", args.models, str(args.sessions), str(max(5, args.seconds // 3)),
                          *photos], env=environment(args.build), check=True, capture_output=True, text=True).stdout
    return json.loads(out)["per_second"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--sessions", type=int, default=os.cpu_count())
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--models", default=os.environ.get("FACEMATCH_MODELS", ROOT / "models"))
    parser.add_argument("--photos", type=pathlib.Path, default=os.environ.get("FACEMATCH_PHOTOS", ROOT / "build/photos"))
    args = parser.parse_args()
    args.build = args.build.resolve()
    photos = [pathlib.Path(args.photos) / name for name in PHOTOS]
    with tempfile.TemporaryDirectory(prefix="facematch-") as name:
        folder = pathlib.Path(name)
        program = build_service(args.build, folder)
        rates = [bare(args, photos)]
        result = measure(program, args, photos, folder)
        rates.append(bare(args, photos))
    result.update(connections=args.connections, sessions=args.sessions, seconds=args.seconds, bare_per_second=rates,
                  share_of_bare=round(2 * result["per_second"] / sum(rates), 3), load_average=os.getloadavg()[0],
                  **machine.describe())
    json.dump(result, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
