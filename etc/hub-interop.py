#!/usr/bin/env python3
"""What Hugging Face's own library makes of a cache: for HuggingFaceHubTest, and to be run by hand.

  hub-interop.py read   CACHE ORG/NAME FILE      reads it offline; prints its facts as JSON
  hub-interop.py fetch  CACHE ORG/NAME ENDPOINT  fetches the whole snapshot with the library
  hub-interop.py hold   LOCK                     holds the library's lock until standard input ends
  hub-interop.py try    LOCK                     says whether the library can have the lock at once

Needs huggingface_hub (2.4 was tried):  pip install huggingface_hub
"""
import json
import os
import sys

verb, place, *rest = sys.argv[1:]
if verb in ("read", "fetch"):
    os.environ["HF_HUB_CACHE"] = place
    os.environ["HF_HUB_DISABLE_XET"] = "1"
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    if verb == "read":
        os.environ["HF_HUB_OFFLINE"] = "1"
    else:
        os.environ["HF_ENDPOINT"] = rest[1]

if verb == "read":
    from huggingface_hub import hf_hub_download, scan_cache_dir, snapshot_download, try_to_load_from_cache

    name, file = rest
    report = scan_cache_dir(place)
    repo = next(repo for repo in report.repos if repo.repo_id == name)
    print(json.dumps({
        "snapshot": snapshot_download(name, repo_type=repo.repo_type, local_files_only=True),
        "file": hf_hub_download(name, file, repo_type=repo.repo_type, local_files_only=True),
        "warnings": [str(warning) for warning in report.warnings],
        "revisions": {ref: revision.commit_hash for revision in repo.revisions for ref in revision.refs},
        "files": sorted(f.file_name for revision in repo.revisions for f in revision.files),
        "bytes": repo.size_on_disk,
        "known_to_lack_tokenizer": not isinstance(
            try_to_load_from_cache(name, "tokenizer.json", repo_type=repo.repo_type), (str, type(None))),
    }))
elif verb == "fetch":
    from huggingface_hub import snapshot_download

    print(snapshot_download(rest[0], token=False))
elif verb == "hold":
    from huggingface_hub.utils._fixes import WeakFileLock

    with WeakFileLock(place):
        print("held", flush=True)
        sys.stdin.read()
elif verb == "try":
    from filelock import FileLock, Timeout

    try:
        with FileLock(place, timeout=0):
            print("free")
    except Timeout:
        print("held")
else:
    sys.exit(__doc__)
