"""Requests a second of the LM Evaluation Harness:  harness_requests.py MODEL REQUESTS.jsonl DOCUMENTS

Needs the Python packages lm-eval (0.4.13), torch, transformers and gguf. Float32, batch size 1, two threads; MODEL is a
folder or a GGUF file, which transformers dequantizes. The first documents warm up and are not timed.
"""
import gzip
import json
import os
import sys
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TQDM_DISABLE", "1")

import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

model, requests, documents = sys.argv[1], sys.argv[2], int(sys.argv[3])
torch.set_num_threads(2)
if model.endswith(".gguf"):
    folder, name = os.path.split(os.path.abspath(model))
    lm = HFLM(pretrained=folder, gguf_file=name, dtype="float32", device="cpu", batch_size=1)
else:
    lm = HFLM(pretrained=model, dtype="float32", device="cpu", batch_size=1)


def instances(lines):
    return [
        Instance("loglikelihood", document, (r["context"], r["continuation"]), index, (None, None, 1))
        for document in lines
        for index, r in enumerate(document["requests"])
    ]


opened = gzip.open if requests.endswith(".gz") else open
with opened(requests, "rt", encoding="utf-8") as file:
    lines = [json.loads(line) for line in file][:documents]
lm.loglikelihood(instances(lines[:2]), disable_tqdm=True)
timed = instances(lines)
start, busy = time.perf_counter(), time.process_time()
scores = lm.loglikelihood(timed, disable_tqdm=True)
took, busy = time.perf_counter() - start, time.process_time() - busy
known = [r.get("loglikelihood") for document in lines for r in document["requests"]]
difference = max((abs(s[0] - k) for s, k in zip(scores, known) if k is not None), default=float("nan"))
print(
    f"harness, batch size 1 {' ':10} {len(timed) / took:8.2f} requests/s; in a second of one processor "
    f"{len(timed) / busy:8.2f}; at most {difference:.1e} nats from the file"
)
