"""Sends a peer's tasks: is ready, and sends as many as each line of the standard input says."""

import importlib
import sys


def main():
    """Answer `ready`, and `sent` when the tasks of a line are sent."""
    peer = importlib.import_module(f"tests.bench.peers.{sys.argv[1]}")
    print("ready", flush=True)
    for line in sys.stdin:
        peer.send(int(line))
        print("sent", flush=True)


if __name__ == "__main__":
    main()
