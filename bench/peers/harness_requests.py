"""Requests a second of the LM Evaluation Harness:  harness_requests.py MODEL REQUESTS.jsonl DOCUMENTS [DEVICE [f32|bf16 [BATCH…]]]

Needs the Python packages lm-eval (0.4.13), torch, transformers and, for a GGUF file, gguf. MODEL is a folder or a GGUF
file, which transformers dequantizes. On the CPU (the default) two threads; BATCH is a batch size, or auto; 1 is the
default. The first documents warm up and are not timed.
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
device = sys.argv[4] if len(sys.argv) > 4 else "cpu"
dtype = {"f32": "float32", "bf16": "bfloat16"}[sys.argv[5] if len(sys.argv) > 5 else "f32"]
batches = sys.argv[6:] or ["1"]
if device == "cpu":
    torch.set_num_threads(2)
folder, name = os.path.split(os.path.abspath(model))
source = {"pretrained": folder, "gguf_file": name} if model.endswith(".gguf") else {"pretrained": model}
lm = HFLM(**source, dtype=dtype, device=device, batch_size="auto" if "auto" in batches else 1)


def instances(lines):
    return [
        Instance("loglikelihood", document, (r["context"], r["continuation"]), index, (None, None, 1))
        for document in lines
        for index, r in enumerate(document["requests"])
    ]


opened = gzip.open if requests.endswith(".gz") else open
with opened(requests, "rt", encoding="utf-8") as file:
    lines = [json.loads(line) for line in file][:documents]
for batch in batches:
    lm.batch_size_per_gpu = batch if batch == "auto" else int(batch)
    lm.batch_sizes = {}
    lm.loglikelihood(instances(lines[: 2 if device == "cpu" else 50]), disable_tqdm=True)
    lm.batch_sizes = {}
    timed = instances(lines)
    start, busy = time.perf_counter(), time.process_time()
    scores = lm.loglikelihood(timed, disable_tqdm=True)
    took, busy = time.perf_counter() - start, time.process_time() - busy
    known = [r.get("loglikelihood") for document in lines for r in document["requests"]]
    difference = max((abs(s[0] - k) for s, k in zip(scores, known) if k is not None), default=float("nan"))
    print(
        f"harness, batch size {batch:4} {' ':7} {len(timed) / took:8.2f} requests/s; in a second of one processor "
        f"{len(timed) / busy:8.2f}; at most {difference:.1e} nats from the file",
        flush=True,
    )
