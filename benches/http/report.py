"""Writes the results into docs/BENCHMARKS.md, each bench between marks of its own."""

import os
import platform
import re
import subprocess
from pathlib import Path

PAGE = Path("docs/BENCHMARKS.md")


def table(header, rows):
    """A Markdown table: the first column text, the others numbers."""
    lines = ["| " + " | ".join(header) + " |", "|---|" + "---:|" * (len(header) - 1)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def ratio(value, other, wanted=None, most=False):
    """How `value` compares with `other`, and whether that is what was wanted."""
    times = value / other
    text = f"{times:.2f}×"
    if wanted is not None:
        met = times <= wanted if most else times >= wanted
        text += f" ({'≤' if most else '≥'} {wanted:g}: {'met' if met else '**missed**'})"
    return text


def publish(name, text):
    """Prints a section and puts it in the page, in the place of its last edition."""
    print(text, flush=True)
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    section = f"{begin}\n{text}\n{end}"
    page = PAGE.read_text() if PAGE.exists() else "# Benchmarks\n"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if pattern.search(page):
        page = pattern.sub(lambda _: section, page)
    else:
        page = f"{page.rstrip()}\n\n{section}\n"
    PAGE.write_text(page)


def machine():
    """What the numbers were measured on."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    said = [
        f"{os.cpu_count()} cores ({model.group(1) if model else platform.machine()})",
        f"{memory:.0f} GiB of memory",
        f"Linux {platform.release()}",
        subprocess.check_output(["rustc", "--version"], text=True).strip(),
        subprocess.check_output(["rclone", "version"], text=True).splitlines()[0],
    ]
    return f"""Measured by `make bench` on {', '.join(said)}; client, server and
store share the cores. The ratios carry over to other machines, the absolute figures do not."""


if __name__ == "__main__":
    publish("machine", machine())
