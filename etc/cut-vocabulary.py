#!/usr/bin/env python3
"""Cuts the vocabulary out of a GGUF file: all its metadata but the chat template, none of its tensors.

Needs the Python package gguf (0.19.0 made the fixtures). Run it as
    etc/cut-vocabulary.py SmolLM2-135M-Instruct.Q4_1.gguf fixtures/tokenizers/smollm2.gguf
"""
import sys

from gguf import GGUFReader, GGUFValueType, GGUFWriter

source, target = sys.argv[1:]
reader = GGUFReader(source)
writer = GGUFWriter(target, reader.fields["general.architecture"].contents())
for name, field in reader.fields.items():
    if name.startswith("GGUF.") or name in ("general.architecture", "tokenizer.chat_template"):
        continue
    kind = field.types[0]
    if kind == GGUFValueType.ARRAY:
        writer.add_key_value(name, field.contents(), kind, sub_type=field.types[-1])
    else:
        writer.add_key_value(name, field.contents(), kind)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.close()
