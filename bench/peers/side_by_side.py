#!/usr/bin/env python3
"""Measures this project beside transformers and llama.cpp, in turn, in one go; etc/side-by-side starts it and says how. Needs the standard library alone.

What is compared is the ratio of two contenders within one round. A bar is met if the median of the ratios reaches it and the lower end of the
median's 95 % interval (bootstrap over rounds) reaches 0.85 of it. A unit during which other processes took more than a twentieth of the machine
is measured again, whatever its time was, up to --patience times; the attempt that was disturbed least counts.
"""
import argparse
import contextlib
import fcntl
import json
import os
import pathlib
import platform
import random
import re
import resource
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parents[2]
PEERS = HERE / "bench/peers"
PYTHON = os.environ.get("PEERS_PYTHON", str(HERE / ".cache/peers/bin/python"))
THREADS = 2
TICK = os.sysconf("SC_CLK_TCK")
PROCESSORS = os.cpu_count()
DISTURBED = 0.05


def say(text):
    print(text, file=sys.stderr, flush=True)


# ---- one unit, and what disturbed it


def machine_seconds():
    """Processor seconds since the start of the machine that were not idle, those that the host took among them."""
    fields = [int(x) for x in open("/proc/stat").readline().split()[1:]]
    user, nice, system, _, _, irq, soft, steal = fields[:8]
    return (user + nice + system + irq + soft + steal) / TICK


def process_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


class Contender:
    """A process that has its model loaded and waits for units."""

    def __init__(self, name, command, env=None):
        self.name = name
        self.log = open(f"/tmp/side-by-side.{os.getpid()}.{re.sub('[^a-z0-9]+', '-', name.lower())}.log", "w")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True, env=env)
        self.facts = self.answer()
        say(f"  {name}: {self.facts['version']}")

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"side-by-side: {self.name} ended early; what it said is in {self.log.name}")
        return json.loads(line)

    def run(self, request):
        before, own = machine_seconds(), process_seconds(self.process.pid)
        began = time.perf_counter()
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = self.answer()
        wall = time.perf_counter() - began
        own = process_seconds(self.process.pid) - own
        answer["others"] = max(0, machine_seconds() - before - own) / (wall * PROCESSORS)
        answer["processor"] = own
        return answer

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.log.close()
        if self.process.returncode == 0:
            os.unlink(self.log.name)


class Command:
    """A whole process for each unit."""

    def __init__(self, name, command, env=None, before=lambda: None):
        self.name, self.command, self.env, self.before = name, command, env, before
        self.facts = {"version": " ".join(str(c) for c in command).replace(str(HERE) + "/", "").replace(PYTHON, "python3")}

    def run(self, request):
        self.before()
        before, own = machine_seconds(), resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.perf_counter()
        done = subprocess.run(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.env)
        wall = time.perf_counter() - began
        if done.returncode != 0:
            raise SystemExit(f"side-by-side: {self.name} ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-500:]}")
        self.output = done.stdout
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        processor = after.ru_utime + after.ru_stime - own.ru_utime - own.ru_stime
        others = max(0, machine_seconds() - before - processor) / (wall * PROCESSORS)
        return {"seconds": wall, "processor": processor, "others": others, **request, "said": done.stdout[-3000:]}

    def close(self):
        pass


def undisturbed(contender, request, patience):
    best = None
    for attempt in range(patience + 1):
        answer = contender.run(request)
        answer["attempt"] = attempt
        if best is None or answer["others"] < best["others"]:
            best = answer
        if best["others"] <= DISTURBED:
            break
    best["attempts"] = attempt + 1
    return best


def warm_up(contender, request, most):
    """Until two units in a row are within a tenth, as a JIT needs it."""
    last = None
    for _ in range(most):
        seconds = contender.run(request)["seconds"]
        if last is not None and abs(seconds - last) < 0.1 * last:
            return
        last = seconds


@contextlib.contextmanager
def alone(options):
    """While it holds the lock, if there is one."""
    if options.lock is None:
        yield
        return
    with open(options.lock, "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def rounds(contenders, request, options, warm=6):
    """{contender's name: [an answer for each round]}, after at most so many units to warm up"""
    results = {c.name: [] for c in contenders}
    with alone(options):
        for c in contenders:
            warm_up(c, request, warm)
    for r in range(options.rounds):
        # Each goes first as often as the others.
        order = contenders[r % len(contenders) :] + contenders[: r % len(contenders)]
        with alone(options):
            for c in order:
                time.sleep(0.2)
                results[c.name].append(undisturbed(c, request, options.patience))
        say(f"  round {r + 1}: " + ", ".join(f"{c.name} {results[c.name][-1]['seconds']:.2f} s" for c in contenders))
    return results


# ---- ratios


def lower_bound(values):
    """Lower end of the 95 % interval of the median."""
    random_ = random.Random(20241110)
    medians = sorted(statistics.median(random_.choices(values, k=len(values))) for _ in range(10_000))
    return medians[250]


class Report:
    """Tables of one section, as Markdown, and all that was measured, as JSON."""

    def __init__(self):
        self.lines, self.raw = [], []

    def text(self, *lines):
        self.lines += lines

    def table(self, title, results, rate, unit, facts, bars, digits=1):
        """bars: (contender, other, least ratio or None)"""
        self.raw.append({"title": title, "results": results, "facts": facts})
        self.text("", f"**{title}**", "", f"| | {unit}, median (least–most) | what |", "|---|---|---|")
        rates = {}
        for name, answers in results.items():
            rates[name] = [rate(a) for a in answers]
            v = rates[name]
            self.text(f"| {name} | {statistics.median(v):.{digits}f} ({min(v):.{digits}f}–{max(v):.{digits}f}) | {facts.get(name, '')} |")
        if bars:
            self.text("", "| ratio | median | 95 % from | least–most | bar | |", "|---|---|---|---|---|---|")
        for name, other, least in bars:
            if name not in rates or other not in rates:
                continue
            ratios = [a / b for a, b in zip(rates[name], rates[other])]
            median, low = statistics.median(ratios), lower_bound(ratios)
            met = "" if least is None else "met" if median >= least and low >= 0.85 * least else "**missed**"
            bar = "" if least is None else f"≥ {least:g}"
            self.text(f"| {name} ÷ {other} | {median:.2f} | {low:.2f} | {min(ratios):.2f}–{max(ratios):.2f} | {bar} | {met} |")
            self.raw[-1].setdefault("ratios", []).append({"of": name, "to": other, "bar": least, "median": median, "lower": low, "values": ratios})
        again = sum(a["attempts"] - 1 for answers in results.values() for a in answers)
        left = sum(a["others"] > DISTURBED for answers in results.values() for a in answers)
        if again:
            units = sum(len(answers) for answers in results.values())
            self.text("", f"({again} repeats of disturbed units; {left} of {units} stayed disturbed.)")


# ---- contenders and models


def ours(model, device, precision, name=None):
    java, path = os.environ["BENCH_JAVA"], os.environ["BENCH_CLASS_PATH"]
    flags = ["-XX:+UseSerialGC", "-Xmx1g", "-XX:MaxDirectMemorySize=1024g", "--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"]
    return Contender(
        name or f"superweight {device} {precision}",
        [java, *flags, "-cp", path, "io.superweight.bench.PeerServer", str(model), device, precision, str(THREADS)],
    )


def llama_cpp(file, name, ubatch=512):
    return Contender(name, [PYTHON, str(PEERS / "llama_cpp_peer.py"), str(file), "--threads", str(THREADS), "--ubatch", str(ubatch)])


def transformers(folder, dtype, name):
    return Contender(name, [PYTHON, str(PEERS / "transformers_peer.py"), str(folder), "--threads", str(THREADS), "--dtype", dtype])


def generated(options, shape, kind="bf16"):
    """The checkpoint, which is generated if it is not there."""
    name = {"bf16": shape, "f32": f"{shape}-f32"}.get(kind, f"{shape}-{kind}.gguf")
    path = options.models / name
    if not path.exists():
        flags = {"bf16": [], "f32": ["--dtype", "f32"]}.get(kind, ["--gguf", kind])
        say(f"generating {path}")
        options.models.mkdir(parents=True, exist_ok=True)
        subprocess.run([HERE / "etc/generate-checkpoint", shape, path, *flags], check=True, stdout=subprocess.DEVNULL)
    return path


def files(path):
    return sorted(path.glob("*.safetensors")) if path.is_dir() else [path]


def warm_cache(path):
    for file in files(path):
        with open(file, "rb", buffering=0) as f:
            while f.read(1 << 24):
                pass


def drop_cache(path):
    for file in files(path):
        with open(file, "rb") as f:
            os.fsync(f.fileno())
            os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def window(tokens, vocabulary=32000):
    """BOS and ids without pattern, the same for all."""
    return [1] + [3 + ((i + 1) * 2654435761 % 2**32) % (vocabulary - 3) for i in range(tokens - 1)]


def operations(shape_folder, tokens):
    """Of one window: 2 for each parameter of the products, head among them, and token; and attention's half square."""
    c = json.loads((shape_folder / "config.json").read_text())
    hidden, layers, inner = c["hidden_size"], c["num_hidden_layers"], c["intermediate_size"]
    keys = c["num_key_value_heads"] * c["head_dim"]
    products = layers * (2 * hidden * hidden + 2 * hidden * keys + 3 * hidden * inner) + c["vocab_size"] * hidden
    return 2 * products * tokens + 4 * tokens * tokens / 2 * hidden * layers


def close(contenders):
    for c in contenders:
        c.close()


def ceilings(options):
    """{kind: value} as `superweight bench` measures them."""
    bench = Command("superweight bench", [HERE / "superweight", "bench", "--quick", "--json", "--threads", str(THREADS)])
    with alone(options):
        undisturbed(bench, {}, options.patience)
    found = json.loads(bench.output)["ceilings"]
    values = {c["kind"]: c["value"]["median"] for c in found if c.get("value")}
    say("  ceilings: " + ", ".join(f"{kind} {value:.0f}" for kind, value in values.items()))
    return values


def of_ceiling(report, what, values, unit, before, after, kind, least):
    """values: one a round; the ceiling: the higher of two measurements, before the rounds and after them"""
    measured = [c[kind] for c in (before, after) if kind in c]
    if not measured:
        report.text("", f"({what}: the ceiling {kind} was not measured.)")
        return
    shares = [v / max(measured) for v in values]
    median, low = statistics.median(shares), lower_bound(shares)
    met = "met" if median >= least and low >= 0.85 * least else "**missed**"
    report.text("", f"{what}: {statistics.median(values):.0f} {unit}, {median:.2f} (95 % from {low:.2f}) of the ceiling {kind} ({' and '.join(f'{m:.0f}' for m in measured)} {unit}); bar ≥ {least:g}: {met}.")
    report.raw.append({"title": what, "ceiling": kind, "before": before, "after": after, "values": values, "bar": least})


# ---- the bars


def agreement(results):
    """Log-probability of a token, for those who ask whether all computed the same."""
    spread = []
    for name, answers in results.items():
        a = answers[0]
        if "log_probability" in a:
            spread.append(f"{name} {-a['log_probability'] / (a['tokens'] - 1):.5f}")
    return "Nats per token: " + ", ".join(spread) + "."


def perplexity(options, report):
    report.text("### Perplexity windows, 1 B shape", "", "`etc/side-by-side perplexity MODELS`. A unit is one window: log-probabilities of all its tokens, head included.",
                "llama.cpp's time is that of `llama_decode` alone; its log-softmax would come on top.")
    shape = generated(options, "1b")
    if "bf16" in options.precisions:
        before = ceilings(options)
        contenders = [
            ours(shape, "onednn", "bf16"),
            ours(shape, "java", "bf16"),
            llama_cpp(generated(options, "1b", "BF16"), "llama.cpp bf16"),
            transformers(shape, "bfloat16", "PyTorch bf16"),
        ]
        reached = windows(options, report, shape, contenders, [
            ("superweight onednn bf16", "llama.cpp bf16", 1.5),
            ("superweight onednn bf16", "PyTorch bf16", 1.0),
            ("superweight java bf16", "llama.cpp bf16", 0.7),
        ], "bf16")
        after = ceilings(options)
        for what, values in reached:
            of_ceiling(report, what, values, "GFLOP/s", before, after, "dot_bf16", 0.6)
    if "f32" in options.precisions:
        f32 = generated(options, "1b", "f32")
        contenders = [ours(f32, "onednn", "f32"), transformers(f32, "float32", "PyTorch f32")]
        windows(options, report, shape, contenders, [("superweight onednn f32", "PyTorch f32", 1.0)], "f32")


def windows(options, report, shape_folder, contenders, bars, what):
    facts = {c.name: c.facts["version"] if "superweight" in c.name or "PyTorch" in c.name else "llama-cpp-python " + c.facts["version"] for c in contenders}
    reached = []
    for tokens in options.windows:
        say(f"windows of {tokens} tokens, {what}")
        # Once warm on one length, a unit is enough for the primitives of another.
        results = rounds(contenders, {"unit": "score", "windows": [window(tokens)]}, options, 6 if tokens == options.windows[0] else 1)
        report.table(f"{what}, one window of {tokens} tokens", results, lambda a: a["tokens"] / a["seconds"], "tokens/s", facts, bars)
        flops = operations(shape_folder, tokens)
        rate = ", ".join(f"{name} {statistics.median(flops / a['seconds'] for a in answers) / 1e9:.0f}" for name, answers in results.items())
        report.text("", f"GFLOP/s of the whole model: {rate}. {agreement(results)}")
        report.raw[-1]["operations"] = flops
        for name, answers in results.items():
            if name == "superweight onednn bf16":
                reached.append((f"Whole model, {name}, window of {tokens}", [flops / a["seconds"] / 1e9 for a in answers]))
    close(contenders)
    return reached


def decode(options, report):
    report.text("### Greedy text, 1 B shape, one stream", "", f"`etc/side-by-side decode MODELS`. A unit is {options.tokens} tokens after BOS, one by one, with a cache.")
    for kind in ["BF16", "Q8_0", "Q4_0"]:
        say(f"greedy text, {kind}")
        file = generated(options, "1b", kind)
        model = generated(options, "1b") if kind == "BF16" else file
        precision = "bf16" if kind == "BF16" else "f32"
        contenders = [ours(model, device, precision, f"superweight {device}") for device in options.devices] + [llama_cpp(file, "llama.cpp")]
        if kind == "BF16":
            contenders.append(transformers(model, "bfloat16", "PyTorch"))
        facts = {c.name: c.facts["version"] for c in contenders}
        results = rounds(contenders, {"unit": "decode", "prompt": [1], "count": options.tokens}, options)
        # The device that is chosen where nobody names one has to meet the bar.
        bars = [(f"superweight {device}", "llama.cpp", 0.9 if device == options.devices[0] else None) for device in options.devices]
        report.table(kind, results, lambda a: a["tokens"] / a["seconds"], "tokens/s", facts, bars)
        close(contenders)


def find(options, report):
    model = generated(options, "7b")
    size = sum(f.stat().st_size for f in files(model))
    command = [str(HERE / "superweight"), "find", str(model), "--no-verify"]
    one_round = command + ["--rounds", "1", "--no-stability"]
    report.text("### Finding, 7 B shape, bf16, whole process", "", f"`etc/side-by-side find MODELS`. {size / 1e9:.2f} GB; the script: `bench/peers/paper_pass.py`, the paper's hooks and one pass.")
    say("find, warm page cache")
    warm_cache(model)
    contenders = [
        Command("superweight find, one round", one_round),
        Command("transformers script", [PYTHON, str(PEERS / "paper_pass.py"), str(model)]),
        Command("superweight find, all rounds and prompts", command),
    ]
    facts = {c.name: "`" + c.facts["version"].replace(str(options.models) + "/", "") + "`" for c in contenders}
    for c in contenders[:2]:
        c.run({})
    results = rounds(contenders, {}, options, warm=0)
    speed = lambda a: 1 / a["seconds"]
    report.table("warm page cache", results, speed, "1/s", facts, [
        ("superweight find, one round", "transformers script", 5.0),
        ("superweight find, all rounds and prompts", "transformers script", None),
    ], digits=3)
    report.text("", "Seconds: " + ", ".join(f"{n} {statistics.median(a['seconds'] for a in v):.2f}" for n, v in results.items()) + ".")

    say("one pass in a warm JVM")
    before = ceilings(options)
    contenders = [ours(model, device, "bf16", f"pass, {device}") for device in options.devices]
    facts = {c.name: c.facts["version"] for c in contenders}
    results = rounds(contenders, {"unit": "pass", "prompt": window(10)}, options)
    report.table("one pass of 10 tokens in a warm JVM", results, lambda a: a["bytes"] / a["seconds"] / 1e9, "GB/s", facts, [])
    close(contenders)
    after = ceilings(options)
    for name, answers in results.items():
        of_ceiling(report, name, [a["bytes"] / a["seconds"] / 1e9 for a in answers], "GB/s", before, after, "memory_mapped", 0.6)

    say("find, cold page cache")
    drop = lambda: drop_cache(model)
    dd = ["sh", "-c", "for f in " + " ".join(f"'{f}'" for f in files(model)) + "; do dd if=$f of=/dev/null bs=4M status=none; done"]
    contenders = [Command("superweight find, one round", one_round, before=drop), Command("dd", dd, before=drop)]
    results = rounds(contenders, {}, options, warm=0)
    # What the command says of itself: "13.0 GB read in 4.9 s".
    passes = []
    for a in results["superweight find, one round"]:
        said = re.search(r"([0-9.]+) GB read in ([0-9.]+) s", a["said"])
        if said:
            passes.append({**a, "seconds": float(said[2]) * size / 1e9 / float(said[1])})
    if len(passes) == options.rounds:
        results["its pass"] = passes
    facts = {"superweight find, one round": "the whole process", "its pass": "without start and report", "dd": "`dd bs=4M` of the same files, one after the other"}
    report.table("cold (pages dropped before each)", results, lambda a: size / a["seconds"] / 1e9, "GB/s", facts, [
        ("superweight find, one round", "dd", 0.9),
        ("its pass", "dd", 0.9),
    ], digits=2)
    if options.cold_script:
        say("the script, cold, once")
        took = Command("script", [PYTHON, str(PEERS / "paper_pass.py"), str(model)], before=drop).run({})["seconds"]
        report.text("", f"The transformers script, cold, once: {took:.1f} s.")


def start(options, report):
    report.text("### Start", "", "`etc/side-by-side start`. Whole processes, medians of 10.", "", "| | median | least–most | bar | |", "|---|---|---|---|---|")
    launcher = str(HERE / "superweight")
    for arguments, most in [(["--help"], 0.25), (["find", "--no-verify"], 1.5)]:
        say("superweight " + " ".join(arguments))
        command = Command("superweight " + " ".join(arguments), [launcher, *arguments])
        for _ in range(2):
            command.run({})
        with alone(options):
            answers = [undisturbed(command, {}, options.patience) for _ in range(10)]
        v = [a["seconds"] for a in answers]
        met = "met" if statistics.median(v) <= most else "**missed**"
        report.text(f"| `{command.name}` | {statistics.median(v):.3f} s | {min(v):.3f}–{max(v):.3f} | ≤ {most} s | {met} |")
        report.raw.append({"title": command.name, "results": answers, "bar": most})


# ---- the whole


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    memory = int(re.search(r"MemTotal:\s+(\d+)", open("/proc/meminfo").read())[1]) * 1024
    git = lambda *a: subprocess.run(["git", "-C", str(HERE), *a], capture_output=True, text=True).stdout.strip()
    java = re.search(r'JAVA_RUNTIME_VERSION="(.*?)"', (pathlib.Path(os.environ["BENCH_JAVA"]).parents[1] / "release").read_text())
    return {
        "commit": git("rev-parse", "--short", "HEAD") + (" with changes" if git("status", "--porcelain", "--untracked-files=no", "--", ":!docs") else ""),
        "machine": f"{PROCESSORS} processors ({model}), {memory / 1e9:.0f} GB, Linux {platform.release()}",
        "java": java[1] if java else "",
        "date": time.strftime("%Y-%m-%d"),
    }


BARS = {"perplexity": perplexity, "decode": decode, "find": find, "start": start}


def main():
    parser = argparse.ArgumentParser(prog="etc/side-by-side", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bar", choices=[*BARS, "all"])
    parser.add_argument("models", type=pathlib.Path, nargs="?", help="folder of generated checkpoints; those that miss are generated (1 B: 12 GB, 7 B: 13.5 GB)")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--patience", type=int, default=2, help="repeats of a disturbed unit")
    parser.add_argument("--lock", help="a file to lock (flock) for each round, where others measure as well")
    parser.add_argument("--windows", type=int, nargs="+", default=[512, 2048])
    parser.add_argument("--precisions", nargs="+", default=["bf16", "f32"])
    parser.add_argument("--tokens", type=int, default=48, help="of greedy text")
    parser.add_argument("--devices", nargs="+", default=["onednn", "java"])
    parser.add_argument("--cold-script", action="store_true", help="also the transformers script with a cold page cache, once")
    parser.add_argument("--out", type=pathlib.Path, help="a file for the tables; what was measured goes beside it, as FILE.json")
    parser.add_argument("--into", type=pathlib.Path, help="a document whose sections between <!-- BAR --> and <!-- /BAR --> the tables replace")
    options = parser.parse_args()
    if options.models is None and options.bar != "start":
        parser.error(f"{options.bar} needs a folder of generated checkpoints")
    if options.bar != "start" and not pathlib.Path(PYTHON).exists():
        parser.error(f"there is no {PYTHON}: run etc/bench-peers-setup, or let PEERS_PYTHON name a Python that has torch, transformers and llama-cpp-python")
    options.models = options.models and options.models.resolve()
    facts, sections, raw = machine(), [], []
    document = options.into.read_text() if options.into else ""
    for name in BARS if options.bar == "all" else [options.bar]:
        report, began = Report(), time.time()
        BARS[name](options, report)
        took = (time.time() - began) / 60
        turns = "" if name == "start" else f"{options.rounds} rounds in turn, "
        report.text("", f"Commit {facts['commit']}, {facts['date']}, {facts['machine']}, Java {facts['java']}; {THREADS} threads, {turns}{took:.0f} minutes.", "")
        text = "\n".join(report.lines)
        print(text, flush=True)
        sections.append(text)
        raw.append({"bar": name, "tables": report.raw})
        # At once, should a later bar fail.
        if options.out:
            options.out.write_text("\n".join(sections))
            pathlib.Path(str(options.out) + ".json").write_text(json.dumps({**facts, "bars": raw}, indent=1))
        if options.into:
            opened, closed = f"<!-- {name} -->\n", f"<!-- /{name} -->"
            if opened not in document or closed not in document:
                raise SystemExit(f"side-by-side: {options.into} has no {opened.strip()} … {closed}")
            document = document.partition(opened)[0] + opened + text + closed + document.partition(closed)[2]
            options.into.write_text(document)


main()
