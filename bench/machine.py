"""What a benchmark says of the machine it ran on."""
import os
import platform


def describe():
    return {"machine": platform.machine(), "processor": _processor(), "cores": os.cpu_count()}


def _processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":", 1)[1].strip() for line in file if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor()
