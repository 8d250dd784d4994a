#!/usr/bin/env python3
"""The search of the paper (section 3.1) with transformers: one pass, hooks on every down projection.  bench/peers/paper_pass.py MODEL [cuda]"""
import resource
import sys
import time

began = time.time()
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

device = sys.argv[2] if len(sys.argv) > 2 else "cpu"
if device == "cpu":
    torch.set_num_threads(2)
imported = time.time()
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.bfloat16, device_map=device)
loaded = time.time()
extremes = {}


def watch(layer):
    def hook(module, inputs, output):
        x, y = inputs[0][0].abs(), output[0].abs()
        extremes[layer] = [(v.max().item(), divmod(v.argmax().item(), v.shape[1])) for v in (x, y)]
    return hook


for i, layer in enumerate(model.model.layers):
    layer.mlp.down_proj.register_forward_hook(watch(i))
ids = tokenizer("Apple Inc. is a worldwide tech company.", return_tensors="pt")["input_ids"].to(device)
with torch.no_grad():
    model(ids)
ended = time.time()
usage = resource.getrusage(resource.RUSAGE_SELF)
for i, ((x, (token, col)), (y, (_, row))) in sorted(extremes.items()):
    print(f"layers.{i}.mlp.down[{row},{col}] token {token} input {x:.0f} output {y:.0f}" if y > 100 else f"layers.{i} -")
print(f"import {imported - began:.1f} s, load {loaded - imported:.1f} s, pass of {ids.shape[1]} tokens {ended - loaded:.1f} s, "
      f"processor {usage.ru_utime + usage.ru_stime:.1f} s, peak resident {usage.ru_maxrss / 1e6:.2f} GB")
