"""Runs every check of one official Python client over one transport and prints one JSON line per check:
    {"check": "events/SO1 numbers there and back", "ok": true}   {"check": …, "ok": false, "error": …}
and at last {"done": <number of lines>}.

    python client.py --client sync|asyncio --transport polling|websocket|upgrade --url http://…
        [--only basic,connect] [--skip "check|check"]
"""

import argparse
import asyncio
import json
import os
import traceback

from checks import CHECKS
from harness import Harness

CHECK_TIMEOUT = 60


def parse_args():
    parser = argparse.ArgumentParser()
    parser.add_argument("--client", choices=["sync", "asyncio"], required=True)
    parser.add_argument("--transport", choices=["polling", "websocket", "upgrade"], required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--recovery")  # for the JavaScript client, which can recover
    parser.add_argument("--only", default="")
    parser.add_argument("--skip", default="")
    return parser.parse_args()


async def run(function, setup):
    harness = Harness(setup)
    try:
        await asyncio.wait_for(function(harness), CHECK_TIMEOUT)
        return {"ok": True}
    except Exception as err:
        text = str(err) or repr(err)
        if not isinstance(err, AssertionError):
            text = traceback.format_exc(limit=-3)
        return {"ok": False, "error": text}
    finally:
        await harness.clean_up()


async def main():
    setup = parse_args()
    groups = [group for group in setup.only.split(",") if group]
    done = 0
    for name, function, only in CHECKS:
        if groups and name.split("/")[0] not in groups:
            continue
        if name in setup.skip.split("|"):
            result = {"na": "skipped on request"}
        elif only and setup.transport not in only:
            result = {"na": f"not over {setup.transport}"}
        else:
            result = await run(function, setup)
        print(json.dumps({"check": name, **result}), flush=True)
        done += 1
    print(json.dumps({"done": done}), flush=True)
    os._exit(0)  # a thread of the sync client must not hold the process


asyncio.run(main())
