#!/usr/bin/env python3
"""Contender: `labelloop serve`, asked for one text after the other over one connection."""

import atexit
import http.client
import json
import os
import secrets
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import contender


def load(args):
    token = secrets.token_hex(32)
    command = [args.binary, "serve", "--model", args.model, "--precision", "fp32", "--addr", "127.0.0.1:0", "--threads", str(args.threads)]
    environment = os.environ | {"LABELLOOP_TOKEN": token}
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True)
    atexit.register(server.terminate)
    address = urlsplit(server.stdout.readline().strip())
    line = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def ask(text):
        line.request("POST", "/label", json.dumps({"text": text}), headers)
        return json.loads(line.getresponse().read())["label"]

    return lambda texts: [ask(text) for text in texts]


def flags(parser):
    parser.add_argument("--binary", type=Path, required=True)


if __name__ == "__main__":
    contender.main(load, flags)
