"""The manifest `facematch.json`: its fields, their check, and its canonical form."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

from .errors import ModelsError

FORMAT = 1
RECORD = "extra/facematch.json"
# the parts that decide whether two embeddings, and their scores, are comparable
IDENTITY_KEYS = ("alignment", "embedding", "input", "metric", "metric_weights")
FAMILIES = ("softmax", "triplet", "bundle")
METRICS = ("cosine", "euclidean", "squared_euclidean", "inner_product",
           "weighted_chi_squared", "siamese")
LEARNED_METRICS = ("weighted_chi_squared", "siamese")
MEMORY_FORMATS = ("contiguous", "channels_last")
OUTPUTS = ("logits", "probabilities")  # of a liveness net


def canonical(value: Any) -> str:
    """JSON in one spelling only: sorted keys, no white space, numbers as described in docs/models.md.

    libfacematch writes the same bytes in C, so the rules are simple on purpose.
    """
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, (int, float)):
        return _number(value)
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, list):
        return "[" + ",".join(canonical(item) for item in value) + "]"
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-8"))
        return "{" + ",".join(f"{canonical(key)}:{canonical(value[key])}" for key in keys) + "}"
    raise ModelsError(f"a manifest cannot hold a {type(value).__name__}")


def _number(value: int | float) -> str:
    """Whole numbers below 2**53 without a fraction, all others as C's printf("%.9g")."""
    if not math.isfinite(value):
        raise ModelsError("a manifest cannot hold a number that is not finite")
    if value == int(value) and abs(value) < 2 ** 53:
        return str(int(value))
    return "%.9g" % value


def identity(manifest: dict[str, Any]) -> bytes:
    """The manifest's share in the model id."""
    return canonical({key: manifest[key] for key in IDENTITY_KEYS if key in manifest}).encode("utf-8")


def port_sha256(*modules: str) -> str:
    """SHA-256 over the Python code that decides an archive's records."""
    digest = hashlib.sha256()
    for module in (*modules, "archive"):
        digest.update(Path(__file__).with_name(f"{module}.py").read_bytes() + b"\0")
    return digest.hexdigest()


def dump(manifest: dict[str, Any]) -> bytes:
    """The record as it is written: the given order of fields, indented for people."""
    return (json.dumps(manifest, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")


def parse(data: bytes) -> dict[str, Any]:
    """The record as a dictionary."""
    try:
        manifest = json.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ModelsError(f"facematch.json is not valid JSON: {error}") from error
    if not isinstance(manifest, dict):
        raise ModelsError("facematch.json is not a JSON object")
    return manifest


def problems(manifest: dict[str, Any]) -> list[str]:
    """Everything that is missing or of the wrong kind; an empty list for a good manifest."""
    found: list[str] = []
    if manifest.get("format") != FORMAT:
        found.append(f"format is {manifest.get('format')!r}, not {FORMAT}")
    for key in ("name", "source", "license", "training_data"):
        if not isinstance(manifest.get(key), str) or not manifest[key]:
            found.append(f"{key} is missing or not a text")
    kind = manifest.get("kind")
    if kind not in ("embedder", "detector", "liveness"):
        found.append(f"kind is {kind!r}, not embedder, detector or liveness")
    found += _input_problems(manifest.get("input"))
    found += _runtime_problems(manifest.get("runtime", {}))
    if kind == "embedder":
        found += _embedder_problems(manifest)
    if kind == "detector":
        found += _detector_problems(manifest.get("detector"))
    if kind == "liveness":
        found += _liveness_problems(manifest.get("liveness"))
    if "calibration" in manifest:
        check = pad_calibration_problems if kind == "liveness" else calibration_problems
        found += check(manifest["calibration"])
        found += _scale_problems(manifest["calibration"], manifest.get("metric"))
    return found


def _input_problems(value: Any) -> list[str]:
    if not isinstance(value, dict):
        return ["input is missing"]
    found = [f"input.{key} is not a whole number from 1 to 4096" for key in ("width", "height")
             if not (_is_whole(value.get(key)) and 1 <= value[key] <= 4096)]
    if value.get("order") not in ("RGB", "BGR"):
        found.append("input.order is not RGB or BGR")
    found += [f"input.{key} is not a list of 3 numbers" for key in ("mean", "std")
              if not _is_numbers(value.get(key), 3)]
    if _is_numbers(value.get("std"), 3) and min(value["std"]) <= 0:
        found.append("input.std is not positive")
    return found


def _runtime_problems(value: Any) -> list[str]:
    if not isinstance(value, dict):
        return ["runtime is not an object"]
    found = [f"runtime.{key} is not one of {', '.join(MEMORY_FORMATS)}"
             for key in ("memory_format", "memory_format_bfloat16")
             if key in value and value[key] not in MEMORY_FORMATS]
    if "batch" in value and not (_is_whole(value["batch"]) and value["batch"] >= 1):
        found.append("runtime.batch is not a positive whole number")
    return found


def _embedder_problems(manifest: dict[str, Any]) -> list[str]:
    found = []
    if manifest.get("family") not in FAMILIES:
        found.append(f"family is not one of {', '.join(FAMILIES)}")
    if manifest.get("metric") not in METRICS:
        found.append(f"metric is not one of {', '.join(METRICS)}")
    found += _weights_problems(manifest)
    embedding = manifest.get("embedding")
    if not isinstance(embedding, dict) or not _is_whole(embedding.get("dim")) or embedding["dim"] < 1:
        found.append("embedding.dim is not a positive whole number")
    elif not isinstance(embedding.get("normalize"), bool):
        found.append("embedding.normalize is not true or false")
    elif "members" in embedding:
        found += _members_problems(embedding)
    elif not isinstance(embedding.get("flip", False), bool):
        found.append("embedding.flip is not true or false")
    return found + _alignment_problems(manifest.get("alignment"))


def _weights_problems(manifest: dict[str, Any]) -> list[str]:
    metric, value = manifest.get("metric"), manifest.get("metric_weights")
    if metric not in LEARNED_METRICS:
        return []
    if not isinstance(value, dict):
        return [f"metric_weights is missing, which metric {metric} needs"]
    embedding = manifest.get("embedding")
    dim = embedding.get("dim") if isinstance(embedding, dict) else None
    found = []
    if not _is_numbers(value.get("weights"), dim):
        found.append("metric_weights.weights is not a list of embedding.dim numbers")
    if (metric == "siamese" or "bias" in value) and not _is_numbers([value.get("bias")], 1):
        found.append("metric_weights.bias is not a number")
    return found


def _members_problems(embedding: dict[str, Any]) -> list[str]:
    members = embedding["members"]
    if not isinstance(members, list) or not all(isinstance(member, dict) for member in members):
        return ["embedding.members is not a list of objects"]
    found = []
    for number, member in enumerate(members, 1):
        own = [f"{key} is missing or not a text" for key in ("part",)
               if not isinstance(member.get(key), str) or not member[key]]
        if not _is_whole(member.get("dim")) or member["dim"] < 1:
            own.append("dim is not a positive whole number")
        if not _is_numbers([member.get("weight")], 1) or member["weight"] <= 0:
            own.append("weight is not a positive number")
        if not isinstance(member.get("flip", False), bool):
            own.append("flip is not true or false")
        own += _input_problems(member["input"]) if "input" in member else []
        own += _alignment_problems(member["alignment"]) if "alignment" in member else []
        found += [f"embedding.members, entry {number}: {text}" for text in own]
    if not found and sum(member["dim"] for member in members) != embedding["dim"]:
        found.append("embedding.dim is not the sum of its members'")
    return found


def _alignment_problems(alignment: Any) -> list[str]:
    found = []
    if not isinstance(alignment, dict):
        return ["alignment is missing"]
    points = alignment.get("points")
    if not (isinstance(points, list) and len(points) == 5
            and all(_is_numbers(point, 2) for point in points)):
        found.append("alignment.points is not a list of 5 points [x, y]")
    if alignment.get("border") not in ("zero", "replicate"):
        found.append("alignment.border is not zero or replicate")
    return found


def _detector_problems(value: Any) -> list[str]:
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        return ["detector.type is missing"]
    if value["type"] != "mtcnn":
        return []
    found = [f"detector.{key} is not a list of 3 numbers" for key in ("thresholds", "nms")
             if not _is_numbers(value.get(key), 3)]
    found += [f"detector.{key} is not a number" for key in ("factor", "cell", "stride")
              if not _is_numbers([value.get(key)], 1)]
    if not isinstance(value.get("second_look", False), bool):
        found.append("detector.second_look is not true or false")
    return found


def _liveness_problems(value: Any) -> list[str]:
    if not isinstance(value, dict):
        return ["liveness is missing"]
    found = []
    classes, live = value.get("classes"), value.get("live")
    if not _is_whole(classes) or not 1 <= classes <= 64:
        found.append("liveness.classes is not a whole number from 1 to 64")
    elif not _is_whole(live) or not 0 <= live < classes:
        found.append("liveness.live is not one of the classes")
    if value.get("output") not in OUTPUTS:
        found.append(f"liveness.output is not one of {', '.join(OUTPUTS)}")
    nets = value.get("nets")
    if not isinstance(nets, list) or not nets or not all(isinstance(net, dict) for net in nets):
        return [*found, "liveness.nets is not a list of objects"]
    for number, net in enumerate(nets, 1):
        own = []
        if not isinstance(net.get("part"), str) or (not net["part"] and len(nets) > 1):
            own.append("part is missing or not a text")
        if not _is_numbers([net.get("scale")], 1) or not 1 <= net["scale"] <= 100:
            own.append("scale is not a number from 1 to 100")
        own += _input_problems(net["input"]) if "input" in net else []
        found += [f"liveness.nets, entry {number}: {text}" for text in own]
    return found


def pad_calibration_problems(value: Any) -> list[str]:
    """A calibration of a liveness net: as scores rise, fewer attacks and more live faces fail."""
    if not isinstance(value, dict) or not isinstance(value.get("dataset"), str):
        return ["calibration.dataset is missing"]
    found = [f"calibration.{key} is not a positive whole number" for key in ("attacks", "live")
             if not _is_whole(value.get(key)) or value[key] < 1]
    points = value.get("points")
    keys = ("score", "apcer", "bpcer")
    if not isinstance(points, list) or len(points) < 2 or not all(
            isinstance(p, dict) and _is_numbers([p.get(key) for key in keys], 3) for p in points):
        return [*found, "calibration.points is not a list of {score, apcer, bpcer}"]
    if not all(0 <= p[key] <= 1 for p in points for key in keys):
        found.append("calibration.points: a number is not in 0..1")
    if any(a["score"] >= b["score"] or a["apcer"] < b["apcer"] or a["bpcer"] > b["bpcer"]
           for a, b in zip(points, points[1:])):
        found.append("calibration.points: scores and bpcer must rise, apcer must fall")
    return found


def calibration_problems(value: Any) -> list[str]:
    """A calibration: where it was measured, and scores that rise as the false match rate falls."""
    if not isinstance(value, dict) or not isinstance(value.get("dataset"), str):
        return ["calibration.dataset is missing"]
    if not _is_whole(value.get("impostor_comparisons")):
        return ["calibration.impostor_comparisons is not a whole number"]
    points = value.get("points")
    if not isinstance(points, list) or not points or not all(
            isinstance(p, dict) and _is_numbers([p.get("fmr"), p.get("score")], 2) for p in points):
        return ["calibration.points is not a list of {fmr, score}"]
    ordered = sorted(points, key=lambda p: p["fmr"])
    found = []
    if not all(0 < p["fmr"] <= 1 for p in points):
        found.append("calibration: a false match rate is not in (0, 1]")
    if any(a["score"] < b["score"] for a, b in zip(ordered, ordered[1:])):
        found.append("calibration: a lower false match rate has a lower score")
    return found + _tail_problems(value.get("tail")) + _genuine_problems(value.get("genuine"))


def _tail_problems(value: Any) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, dict) or not _is_whole(value.get("exceedances")):
        return ["calibration.tail.exceedances is not a whole number"]
    found = [f"calibration.tail.{key} is not a number" for key in ("score", "fmr", "shape", "scale")
             if not _is_numbers([value.get(key)], 1)]
    if not _is_numbers(value.get("covariance"), 6):
        found.append("calibration.tail.covariance is not a list of 6 numbers")
    return found


def _scale_problems(calibration: Any, metric: Any) -> list[str]:
    """A siamese score is a probability, and its tail that of the log-odds."""
    tail = calibration.get("tail") if isinstance(calibration, dict) else None
    if not isinstance(tail, dict) or (tail.get("of") == "log-odds") == (metric == "siamese"):
        return []
    return ["calibration.tail is of log-odds, but the metric is not siamese" if metric != "siamese"
            else "calibration.tail is not of log-odds, but the metric is siamese"]


def _genuine_problems(value: Any) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(
            isinstance(p, dict) and _is_numbers([p.get("fnmr"), p.get("score")], 2) for p in value):
        return ["calibration.genuine is not a list of {fnmr, score}"]
    if any(a["score"] >= b["score"] or a["fnmr"] >= b["fnmr"] for a, b in zip(value, value[1:])):
        return ["calibration.genuine: miss rates and scores must rise together"]
    return []


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_numbers(value: Any, count: int) -> bool:
    return (isinstance(value, list) and len(value) == count
            and all(isinstance(item, (int, float)) and not isinstance(item, bool)
                    and math.isfinite(item) for item in value))
