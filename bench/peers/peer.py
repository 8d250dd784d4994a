"""What every measured process speaks: it loads its model once, says so, then runs one unit of work for each line on stdin and answers each with one line of JSON.

Requests: {"unit": "score", "windows": [[ids], …]}   the log-probability of each next token of each window
          {"unit": "decode", "prompt": [ids], "count": N}   greedy text, token by token
Answers: "seconds" of the unit, "tokens" of it, what was computed ("log_probability" or "text"), and whatever else is worth a note.
"""
import json
import os
import sys
import time


def serve(name, load, units):
    """Loads by load() → (model, facts); units: name → function(model, request) → dict; without "seconds" the function's time is taken."""
    # Libraries write to stdout as they please: keep it for the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    began = time.perf_counter()
    model, facts = load()
    print(json.dumps({"ready": name, "load": time.perf_counter() - began, **facts}), file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        began = time.perf_counter()
        answer = units[request["unit"]](model, request)
        answer.setdefault("seconds", time.perf_counter() - began)
        print(json.dumps(answer), file=answers, flush=True)
