"""How long people wait for the app: `python -m benchmarks.startup`, optionally beside other checkouts.

Each round starts `streamlit run` in a process of its own, opens the address in a headless Chromium as soon as the
server answers, and reports seconds since the command until the first pictures of the study are visible and until the
Overview is complete (script ended, no progress on screen, every chart drawn); then, in the same window, how long
another colour on Embeddings and another pair on Relations take from the click until the charts show it. Beside each
time stand the CPU seconds of the server with its children and of the browser: on a machine that does other things as
well, they are what compares. Several checkouts (`--checkouts . ../old`) take turns, so that they meet the same load.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from tools.serving import CHROMIUM, ROOT, Served, serving

LIMIT = 180.0  # seconds until something counts as never drawn

PICTURES = """() => [...document.querySelectorAll('[data-testid=stMain] [data-testid=stImage] img')]
  .some(image => image.complete && image.naturalWidth > 0)"""
IDLE = """() => document.querySelector('.stApp')?.getAttribute('data-test-script-state') === 'notRunning'
  && [...document.querySelectorAll('[data-testid=stProgress],[data-testid=stSkeleton]')]
    .every(bar => bar.closest('.st-key-training_progress'))"""
CHARTS = """() => {
  const charts = [...document.querySelectorAll('[data-testid=stMain] [data-testid=stPlotlyChart]')];
  return charts.length > 0 && charts.every(c => c.querySelector('.js-plotly-plot .main-svg'));
}"""
SHOWN = """() => JSON.stringify([...document.querySelectorAll('[data-testid=stMain] .js-plotly-plot')].slice(0, 3)
  .map(c => c.data?.map(t => [t.marker?.colorscale, t.marker?.color, t.x && String(t.x).slice(0, 200)])))"""
DRAWN = f"({IDLE})() && ({CHARTS})()"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--checkouts", type=Path, nargs="+", default=[ROOT], help="other versions to measure in turn")
    parser.add_argument("--only-start", action="store_true", help="leave out the changes of colour and pair")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    found: dict[Path, list[dict[str, float]]] = {path: [] for path in options.checkouts}
    with sync_playwright() as playwright:
        for number in range(options.rounds):
            for checkout, rounds in found.items():
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
                rounds.append(measure(checkout.resolve(), browser, not options.only_start))
                browser.close()
                print(f"round {number + 1}, {checkout}: {_line(rounds[-1])}, load {os.getloadavg()[0]:.1f}", flush=True)
    for checkout, rounds in found.items():
        print(f"\n{checkout}, median of {len(rounds)}")
        for name in rounds[0]:
            print(f"  {name:36s} {statistics.median(r[name] for r in rounds):7.2f} s")


def measure(checkout: Path, browser: Any, changes: bool) -> dict[str, float]:
    """One cold start of a checkout's app, and what follows; seconds by name."""
    start = time.monotonic()
    with serving(cwd=checkout, env={**os.environ, "PYTHONPATH": str(checkout)}) as server:
        found = _start(server, browser.new_page(viewport=VIEW), start)
        return found | (_changes(server, browser) if changes else {})


VIEW: Any = {"width": 1440, "height": 900}


def _start(server: Served, tab: Any, start: float) -> dict[str, float]:
    found = {"server answers": time.monotonic() - start}
    before = _browser_cpu()
    tab.goto(server.address, wait_until="commit")
    for name, condition in (("first pictures", PICTURES), ("Overview complete", DRAWN)):
        tab.wait_for_function(condition, timeout=1000 * LIMIT, polling=50)
        found[name] = time.monotonic() - start
        found[f"{name}, server CPU"] = _cpu(server.pid)
        found[f"{name}, browser CPU"] = _browser_cpu() - before
    return found


def _changes(server: Served, browser: Any) -> dict[str, float]:
    """Another colour on Embeddings and another pair on Relations."""
    tab = browser.new_page(viewport=VIEW)
    tab.goto(f"{server.address}/embeddings")
    tab.wait_for_function(DRAWN, timeout=1000 * LIMIT)
    found = _change(server, tab, "change of colour", lambda: _choose(tab, ".st-key-embeddings_by", "prediction"))
    found |= _change(server, tab, "and back", lambda: _choose(tab, ".st-key-embeddings_by", "class"))
    tab.goto(f"{server.address}/relations")
    tab.wait_for_function(DRAWN, timeout=1000 * LIMIT)
    found |= _change(server, tab, "change of pair", lambda: _choose(tab, ".st-key-relations_b", 3))
    return found


def _change(server: Served, tab: Any, name: str, act: Callable[[], None]) -> dict[str, float]:
    """Seconds from the last click of `act` until other charts than before are drawn."""
    tab.wait_for_timeout(1500)
    before = tab.evaluate(SHOWN)
    cpu, browser_cpu = _cpu(server.pid), _browser_cpu()
    tab.evaluate("addEventListener('pointerdown', () => { window.clicked = performance.now() }, true)")
    act()
    tab.wait_for_function(
        f"before => {DRAWN} && ({SHOWN})() !== before", arg=before, timeout=1000 * LIMIT, polling="raf"
    )
    took = tab.evaluate("(performance.now() - window.clicked) / 1000")
    return {
        name: took,
        f"{name}, server CPU": _cpu(server.pid) - cpu,
        f"{name}, browser CPU": _browser_cpu() - browser_cpu,
    }


def _choose(tab: Any, box: str, option: str | int) -> None:
    tab.locator(f"{box} input").click()
    options = tab.locator("[role=option]")
    (options.nth(option) if isinstance(option, int) else options.filter(has_text=option).first).click()


def _cpu(pid: int) -> float:
    """CPU seconds of a process and its children so far."""
    process = psutil.Process(pid)
    own = process.cpu_times()
    return sum((_used(child) for child in process.children(recursive=True)), own.user + own.system)


def _browser_cpu() -> float:
    """CPU seconds of the browsers that this process has started and that still run."""
    return sum(_used(child) for child in psutil.Process().children(recursive=True) if "chrom" in _name(child))


def _used(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return times.user + times.system


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.Error:
        return ""


def _line(found: dict[str, float]) -> str:
    return ", ".join(f"{name} {seconds:.2f}" for name, seconds in found.items() if "CPU" not in name)


if __name__ == "__main__":
    main()
