"""Draws the figures that the contest writes to the standard input, as SVG into the folder that is named."""

import json
import re
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "penstock"
from matplotlib import pyplot as plt  # noqa: E402 - the backend first

OURS, OTHERS = "#1c7ed6", "#adb5bd"
PARTS = {"api": "#1c7ed6", "engine": "#74c0fc", "mongod": "#2f9e44", "rabbitmq": "#f08c00"}


def bare(axes, title):
    axes.set_title(title, loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)


def bars(axes, title, rows):
    bare(axes, title)
    if rows:
        names, values = zip(*sorted(rows.items(), key=lambda row: row[1]), strict=True)
        axes.barh(names, values, color=[OURS if name.startswith("Penstock") else OTHERS for name in names])
        axes.bar_label(axes.containers[0], fmt="{:,.0f}", padding=3, fontsize=8)
        axes.margins(x=0.15)


def growth(axes, title, rows, unit):
    """Lines over sizes; the size is the first number of a name."""
    bare(axes, title)
    for (name, row), colour in zip(rows.items(), (OURS, OTHERS), strict=False):
        points = sorted((int(re.search(r"[\d,]+", size)[0].replace(",", "")), value) for size, value in row.items())
        axes.plot(*zip(*points, strict=True) if points else ([], []), marker="o", color=colour, label=name)
    if any(rows.values()):
        axes.legend(fontsize=8, frameon=False)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(unit, fontsize=8)


def rates(data):
    whole = dict(data.get("whole life by 1, tasks/s", {}))
    for size in (50, 100):
        for value in data.get(f"whole life by {size}, tasks/s", {}).values():
            whole[f"Penstock by {size}"] = value
    figure, (first, second) = plt.subplots(2, figsize=(8, 6), layout="constrained")
    bars(first, "Whole life, tasks a second", whole)
    bars(second, "Single submits a second", data.get("submit by 1, tasks/s", {}))
    return figure


def cost(data):
    """CPU of a task by batch size, and the peers' beside it, each bar made of its parts."""
    figure, axes = plt.subplots(figsize=(8, 3.2), layout="constrained")
    bare(axes, "CPU of a task's whole life, µs")
    rows = {f"Penstock by {size}": data.get(f"CPU of a whole life by {size}, µs", {}) for size in (1, 50, 100)}
    left = dict.fromkeys(rows, 0.0)
    for part, colour in PARTS.items():
        values = [row.get(f"Penstock: {part}", 0.0) for row in rows.values()]
        axes.barh(list(rows), values, left=list(left.values()), color=colour, label=part)
        left = {name: left[name] + value for name, value in zip(rows, values, strict=True)}
    others = {n: v for n, v in rows["Penstock by 1"].items() if ": " not in n and n != "Penstock"}
    if others:
        axes.barh(list(others), list(others.values()), color=OTHERS, label="peers, their servers included")
    axes.set_xscale("symlog", linthresh=500)
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    return figure


def sizes(data):
    figure, axes = plt.subplots(2, 2, figsize=(8, 6), layout="constrained")
    for place, what, unit in ((0, "with a backlog", "tasks"), (1, "over queues", "queues")):
        found = {rate: data.get(f"{rate} by 1 {what}, a second", {}) for rate in ("submit", "claim")}
        growth(axes[0][place], f"By one {what}, a second", found, unit)
        if any(found.values()):
            axes[0][place].set_xscale("log")
    batches = {
        "whole life, tasks/s": {
            str(n): v["Penstock"] for n in (1, 50, 100) if (v := data.get(f"whole life by {n}, tasks/s"))
        }
    }
    growth(axes[1][0], "By the size of the batch", batches, "tasks a call")
    found = {what: data.get(f"{what}, by processes, tasks/s", {}) for what in ("submit by 1", "whole life by 50")}
    growth(axes[1][1], "By API processes, tasks a second", found, "processes")
    axes[1][1].set_xticks([1, 2])
    return figure


def main():
    folder, data = Path(sys.argv[1]), json.load(sys.stdin)
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in (("rates", rates), ("cost", cost), ("growth", sizes)):
        draw(data).savefig(folder / f"performance-{name}.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
