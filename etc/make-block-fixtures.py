#!/usr/bin/env python3
"""Makes fixtures/blocks: seeded random GGUF blocks and what the reference decodes them to.

Needs the Python packages numpy and gguf (llama.cpp's own; 0.19.0 made the files). For each type:
<type>.blocks, raw blocks, and <type>.f32, their elements as little-endian float32.
Run from the root of the repository:  python3 etc/make-block-fixtures.py
"""
import pathlib

import gguf
import numpy as np

OUT = pathlib.Path("fixtures/blocks")
# Where a block holds float16 scales; everything else may be any bytes.
SCALES = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "IQ4_NL": [0],
    "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
}
BLOCKS = {32: 40, 256: 9}


def scale(rng, block):
    if block == 0:
        return np.float16(6e-8)  # the smallest subnormal
    if block == 1:
        return np.float16(-65504)
    return np.float16(rng.normal() * 10.0 ** rng.integers(-4, 2))


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for name in [*SCALES, "Q8_K"]:
        rng = np.random.default_rng(sum(name.encode()))
        kind = gguf.GGMLQuantizationType[name]
        elements, size = gguf.GGML_QUANT_SIZES[kind]
        blocks = rng.integers(0, 256, (BLOCKS[elements], size), dtype=np.uint8)
        blocks[2] = 0
        blocks[3] = 255
        for i, block in enumerate(blocks):
            if name == "Q8_K":
                block[:4] = np.frombuffer(np.float32(rng.normal()).tobytes(), np.uint8)
            for at in SCALES.get(name, []):
                block[at : at + 2] = np.frombuffer(scale(rng, i).tobytes(), np.uint8)
        if name == "Q8_K":  # the package cannot decode it: d times a signed byte
            d = blocks[:, :4].copy().view(np.float32)
            values = d * blocks[:, 4:260].view(np.int8).astype(np.float32)
        else:
            values = gguf.quants.dequantize(blocks, kind)
        assert values.size == blocks.shape[0] * elements
        (OUT / f"{name}.blocks").write_bytes(blocks.tobytes())
        (OUT / f"{name}.f32").write_bytes(values.astype("<f4").tobytes())


main()
