#!/usr/bin/env python3
"""llama.cpp by its pip package llama-cpp-python, through the C API:  llama_cpp_peer.py MODEL.gguf [--threads 2] [--ubatch 512]

"seconds" is the time of llama_decode alone, which computes the logits of all positions; what log-softmax of them takes in numpy is "score_seconds" beside it.
"""
import argparse
import ctypes
import time

import numpy as np

import llama_cpp as c
import peer

parser = argparse.ArgumentParser()
parser.add_argument("model")
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--ubatch", type=int, default=512)
parser.add_argument("--context", type=int, default=2048)
options = parser.parse_args()


class Model:
    pass


def load():
    c.llama_backend_init()
    quiet = c.llama_log_callback(lambda level, text, data: None)
    c.llama_log_set(quiet, ctypes.c_void_p(0))
    m = Model()
    m.quiet = quiet
    m.model = c.llama_model_load_from_file(options.model.encode(), c.llama_model_default_params())
    if not m.model:
        raise SystemExit(f"llama.cpp cannot load {options.model}")
    params = c.llama_context_default_params()
    params.n_ctx = options.context
    params.n_batch = max(options.ubatch, options.context)
    params.n_ubatch = options.ubatch
    params.n_threads = params.n_threads_batch = options.threads
    m.context = c.llama_init_from_model(m.model, params)
    m.memory = c.llama_get_memory(m.context)
    m.vocabulary = c.llama_vocab_n_tokens(c.llama_model_get_vocab(m.model))
    m.batch = c.llama_batch_init(options.context, 0, 1)
    return m, {"version": c.__version__ if hasattr(c, "__version__") else "", "system": c.llama_print_system_info().decode()}


def decode(m, ids, start, logits):
    batch = m.batch
    batch.n_tokens = len(ids)
    for i, token in enumerate(ids):
        batch.token[i] = token
        batch.pos[i] = start + i
        batch.n_seq_id[i] = 1
        batch.seq_id[i][0] = 0
        batch.logits[i] = 1 if logits == "all" or i == len(ids) - 1 else 0
    began = time.perf_counter()
    if c.llama_decode(m.context, batch) != 0:
        raise SystemExit("llama_decode failed")
    c.llama_synchronize(m.context)
    return time.perf_counter() - began


def score(m, request):
    seconds = score_seconds = total = 0.0
    tokens = 0
    for ids in request["windows"]:
        c.llama_memory_clear(m.memory, True)
        seconds += decode(m, ids, 0, "all")
        began = time.perf_counter()
        logits = np.ctypeslib.as_array(c.llama_get_logits(m.context), (len(ids), m.vocabulary))[:-1]
        for at in range(0, len(ids) - 1, 64):
            block = logits[at : at + 64]
            top = block.max(axis=1, keepdims=True)
            log_sum = np.log(np.exp(block - top).sum(axis=1, dtype=np.float64)) + top[:, 0]
            total += float((block[np.arange(len(block)), ids[at + 1 : at + 1 + len(block)]] - log_sum).sum())
        score_seconds += time.perf_counter() - began
        tokens += len(ids)
    return {"seconds": seconds, "score_seconds": score_seconds, "tokens": tokens, "log_probability": total}


def greedy(m, request):
    c.llama_memory_clear(m.memory, True)
    ids, text, start = list(request["prompt"]), [], 0
    began = time.perf_counter()
    for _ in range(request["count"]):
        decode(m, ids, start, "last")
        start += len(ids)
        ids = [int(np.ctypeslib.as_array(c.llama_get_logits_ith(m.context, -1), (m.vocabulary,)).argmax())]
        text += ids
    return {"seconds": time.perf_counter() - began, "tokens": len(text), "text": text}


peer.serve("llama.cpp", load, {"score": score, "decode": greedy})
