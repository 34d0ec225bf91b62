"""Draws the figures that the contest writes to the standard input, as SVG into the folder that is named."""

import json
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "penstock"
from matplotlib import pyplot as plt  # noqa: E402 - the backend first

OURS, OTHERS = "#1c7ed6", "#adb5bd"


def bars(axes, title, rows):
    names, values = zip(*sorted(rows.items(), key=lambda row: row[1]), strict=True)
    axes.barh(names, values, color=[OURS if name.startswith("Penstock") else OTHERS for name in names])
    axes.set_title(title, loc="left", fontsize=10)
    axes.bar_label(axes.containers[0], fmt="{:,.0f}", padding=3, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.margins(x=0.15)


def growth(axes, rates, unit):
    for (name, row), colour in zip(rates.items(), (OURS, OTHERS), strict=True):
        sizes = [int(size.split()[0].replace(",", "")) for size in row]
        axes.semilogx(sizes, list(row.values()), marker="o", color=colour, label=f"{name} by 1, a second")
    axes.set_ylim(bottom=0)
    axes.set_xlabel(unit, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.legend(fontsize=8, frameon=False)


def main():
    folder, data = Path(sys.argv[1]), json.load(sys.stdin)
    folder.mkdir(parents=True, exist_ok=True)
    whole = dict(data["whole life by 1"])
    whole |= {f"Penstock by {size}": data[f"whole life by {size}"]["Penstock"] for size in (50, 100)}
    figure, (first, second) = plt.subplots(2, figsize=(8, 6), layout="constrained")
    bars(first, "Whole life, tasks a second", whole)
    bars(second, "Single submits a second", data["submit by 1"])
    figure.savefig(folder / "performance-rates.svg", metadata={"Date": None})
    figure, axes = plt.subplots(3, figsize=(8, 6), layout="constrained")
    for each, size in zip(axes, (1, 50, 100), strict=True):
        used = data[f"CPU of a whole life by {size}, µs"]
        bars(each, f"CPU of a task's whole life by {size}, µs", {n: v for n, v in used.items() if ": " in n})
    figure.savefig(folder / "performance-cost.svg", metadata={"Date": None})
    figure, pair = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    for axes, what, unit in zip(pair, ("with a backlog", "over queues"), ("tasks", "queues"), strict=True):
        growth(axes, {rate: data[f"{rate} by 1 {what}"] for rate in ("submit", "claim")}, unit)
    figure.savefig(folder / "performance-growth.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
