#!/usr/bin/env python3
"""Tokens per second of transformers on a GPU, Llama-7B shape, bf16, SDPA, logits and cross-entropy included; and the card's ceilings."""
import time

import torch
import transformers
from transformers import LlamaConfig, LlamaForCausalLM

print(f"torch {torch.__version__}, transformers {transformers.__version__}, {torch.cuda.get_device_name(0)}", flush=True)
config = LlamaConfig(hidden_size=4096, intermediate_size=11008, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=32,
                     vocab_size=32000, max_position_embeddings=2048, attn_implementation="sdpa")
torch.set_default_dtype(torch.bfloat16)
with torch.device("cuda"):
    model = LlamaForCausalLM(config).eval()


def measure(batch, tokens):
    ids = torch.randint(0, 32000, (batch, tokens), device="cuda")

    def once():
        with torch.no_grad():
            logits = model(ids, use_cache=False).logits
            return torch.nn.functional.cross_entropy(logits[:, :-1].reshape(-1, 32000).float(), ids[:, 1:].reshape(-1)).item()

    share = 3 if batch * tokens > 8000 else 1
    for _ in range(10 // share):
        once()
    taken = []
    for _ in range(21 // share):
        torch.cuda.synchronize()
        start = time.time()
        once()
        torch.cuda.synchronize()
        taken.append(time.time() - start)
    median = sorted(taken)[len(taken) // 2]
    print(f"transformers {batch}x{tokens}: median {median * 1e3:.1f} ms, best {min(taken) * 1e3:.1f} ms, {batch * tokens / median:.0f} tokens/s", flush=True)


measure(1, 16)
measure(1, 2048)
measure(8, 2048)
host = torch.empty(1 << 30, dtype=torch.uint8, pin_memory=True)
card = torch.empty(1 << 30, dtype=torch.uint8, device="cuda")
for _ in range(2):
    card.copy_(host)
torch.cuda.synchronize()
start = time.time()
for _ in range(8):
    card.copy_(host, non_blocking=True)
torch.cuda.synchronize()
print(f"host to card, pinned: {8 * (1 << 30) / (time.time() - start) / 1e9:.1f} GB/s")
