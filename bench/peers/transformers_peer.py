#!/usr/bin/env python3
"""transformers on PyTorch, the usual perplexity loop and greedy text with a cache:  transformers_peer.py MODEL-FOLDER [--threads 2] [--dtype bfloat16|float32]"""
import argparse

import torch
import transformers
from transformers import AutoModelForCausalLM, DynamicCache

import peer

parser = argparse.ArgumentParser()
parser.add_argument("model")
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--dtype", default="bfloat16")
options = parser.parse_args()


def load():
    torch.set_num_threads(options.threads)
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=getattr(torch, options.dtype), attn_implementation="sdpa").eval()
    return model, {"version": f"torch {torch.__version__}, transformers {transformers.__version__}", "dtype": options.dtype}


@torch.inference_mode()
def score(model, request):
    total, tokens = 0.0, 0
    for ids in request["windows"]:
        window = torch.tensor([ids])
        logits = model(window, use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(logits[0, :-1].float(), window[0, 1:], reduction="sum")
        total -= loss.item()
        tokens += len(ids)
    return {"tokens": tokens, "log_probability": total}


@torch.inference_mode()
def decode(model, request):
    ids, text, cache = torch.tensor([request["prompt"]]), [], DynamicCache(config=model.config)
    for _ in range(request["count"]):
        logits = model(ids, past_key_values=cache, use_cache=True, logits_to_keep=1).logits
        ids = logits[:, -1].argmax(dim=-1, keepdim=True)
        text.append(ids.item())
    return {"tokens": len(text), "text": text}


peer.serve("transformers", load, {"score": score, "decode": decode})
