"""The command line. Results on stdout, progress and errors on stderr; 0 yes, 1 no, 2 error."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from . import archive, architectures
from . import build as builder
from . import bundle, catalog, verify
from .errors import ModelsError

_EXAMPLES = """examples:
  python3 -m facematch_models list
  python3 -m facematch_models build mtcnn mobilefacenet --out models
  python3 -m facematch_models build dlib-resnet-v1 --from dlib_face_recognition_resnet_model_v1.dat
  python3 -m facematch_models build facenet-small --out models
  python3 -m facematch_models build inception-resnet-v1 --from 20180402-114759-vggface2.pt
  python3 -m facematch_models build minifasnet --from FOLDER_WITH_BOTH_PTH_FILES
  python3 -m facematch_models combine models/mobilefacenet.pt mine.pt --weights 1,0.8 --out both.pt
  python3 -m facematch_models inspect models/mtcnn.pt --json
  python3 -m facematch_models verify models/*.pt
  python3 -m facematch_models calibrate calibration.json models/mobilefacenet.pt
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; its exit status."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except ModelsError as error:
        print(f"facematch_models: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("facematch_models: interrupted", file=sys.stderr)
    except BrokenPipeError:
        sys.stderr.close()
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = _top_parser("facematch_models", "Build model archives for libfacematch from published"
                         " weights.", _EXAMPLES)
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=_plain)

    command = _add(commands, "build", _build, "fetch weights and write archives")
    command.add_argument("names", nargs="+", metavar="NAME", help="models to build (see list)")
    command.add_argument("--out", type=Path, default=Path("models"), metavar="DIR",
                         help="folder for the archives (default: models)")
    command.add_argument("--cache", type=Path, metavar="DIR",
                         help="folder for fetched weights (default: <out>/.cache)")
    command.add_argument("--from", dest="source", type=Path, metavar="PATH",
                         help="take the weights from this file or folder, not from the network")
    command.add_argument("--force", action="store_true", help="build even what is up to date")

    command = _add(commands, "combine", _combine, "make one embedder of several")
    command.add_argument("files", nargs="+", type=Path, metavar="FILE", help="archives of embedders")
    command.add_argument("--out", type=Path, required=True, metavar="FILE")
    command.add_argument("--name", help="of the bundle (default: that of the file)")
    command.add_argument("--weights", type=_weights, metavar="W,...",
                         help="length of each one's share of the embedding (default: 1 each)")
    command.add_argument("--flip", action="store_true",
                         help="average each with what it gives for the mirrored face")

    _add(commands, "list", _list, "show the models that can be built")
    command = _add(commands, "verify", _verify, "check archives: records, manifest, one run each"
                   " (runs the code inside: only for files you trust)")
    command.add_argument("files", nargs="+", type=Path, metavar="FILE")
    command = _add(commands, "inspect", _inspect, "show an archive's manifest and model id")
    command.add_argument("files", nargs="+", type=Path, metavar="FILE")
    command = _add(commands, "calibrate", _calibrate, "put a calibration, as `facematch calibrate"
                   " --out` writes it, into an archive; its model id stays")
    command.add_argument("calibration", type=Path, metavar="JSON")
    command.add_argument("file", type=Path, metavar="FILE")
    command.add_argument("--out", type=Path, metavar="OTHER", help="write another archive instead")
    return parser


def _top_parser(name: str, text: str, examples: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(prog=name, description=text, epilog=examples,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)


def _plain(**options: Any) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(formatter_class=argparse.RawDescriptionHelpFormatter, **options)


def _add(commands: Any, name: str, run: Any, text: str) -> argparse.ArgumentParser:
    lines = [line for line in _EXAMPLES.splitlines() if f" {name} " in line + " "]
    command = commands.add_parser(name, help=text, description=text,
                                  epilog="\n".join(["examples:", *lines]))
    command.add_argument("--json", action="store_true", help="one JSON object per result on stdout")
    command.set_defaults(run=run)
    return command


def _build(options: argparse.Namespace) -> int:
    recipes = [catalog.recipe(name) for name in dict.fromkeys(options.names)]
    if options.source is not None and len(recipes) != 1:
        raise ModelsError("--from goes with one model")
    for recipe in recipes:
        _show_built(options, _build_one(options, recipe))
    return 0


def _build_one(options: argparse.Namespace, recipe: Any) -> builder.Built:
    source, out, force = options.source, options.out, options.force
    cache = options.cache or out / ".cache"
    if isinstance(recipe, catalog.Preset):
        if source is not None:
            raise ModelsError(f"{recipe.name} is made of other models: --from goes with those")
        return builder.build_preset(recipe, out, cache, _progress, force)
    if isinstance(recipe, architectures.Copy) and source is None:
        raise ModelsError(f"{recipe.name} is in no package: give your copy of {recipe.file}"
                          " by --from")
    if isinstance(recipe, catalog.Recipe):
        return builder.build(recipe, out, cache, _progress, source, force)
    if source is None:
        return builder.build_untrained(recipe, out, _progress, force)
    return builder.build_copy(architectures.find_copy(recipe.name, source.name), source, out,
                              _progress, force)


def _show_built(options: argparse.Namespace, built: builder.Built) -> None:
    _show(options, {"name": built.name, "path": str(built.path), "id": built.id,
                    "built": built.built}, f"{built.path}  {built.id}")


def _combine(options: argparse.Namespace) -> int:
    weights = options.weights or [1.0] * len(options.files)
    if len(weights) != len(options.files):
        raise ModelsError(f"--weights has {len(weights)} numbers for {len(options.files)} files")
    members = [(bundle.Member(path.stem, weight, options.flip), path)
               for path, weight in zip(options.files, weights)]
    _show_built(options, builder.combine(options.name or options.out.stem, members, options.out,
                                         _progress, force=True))
    return 0


def _weights(text: str) -> list[float]:
    return [float(word) for word in text.split(",")]


def _list(options: argparse.Namespace) -> int:
    for preset in catalog.PRESETS.values():
        members = " + ".join(member.model for member in preset.members)
        _show(options, {"name": preset.name, "summary": preset.summary,
                        "members": [member.model for member in preset.members]},
              f"{preset.name:20}{preset.summary}\n{'':20}{members}")
    for recipe in catalog.RECIPES.values():
        _show(options, {"name": recipe.name, "summary": recipe.summary,
                        "package": str(recipe.package), "license": recipe.fields["license"]},
              f"{recipe.name:20}{recipe.summary}\n{'':20}{recipe.package}; "
              f"{recipe.fields['license']}")
    for copy in architectures.COPIES.values():
        _show(options, {"name": copy.name, "summary": copy.summary, "file": copy.file,
                        "license": copy.fields["license"]},
              f"{copy.name:20}{copy.summary}\n{'':20}from your own copy of {copy.file}; "
              f"{copy.fields['license']}")
    for net in architectures.ARCHITECTURES.values():
        _show(options, {"name": net.name, "summary": net.summary, "untrained": True,
                        "license": net.license},
              f"{net.name:20}untrained: {net.summary}\n{'':20}after {net.paper}; {net.license}")
    return 0


def _verify(options: argparse.Namespace) -> int:
    good = True
    for path in options.files:
        if not path.is_file():
            raise ModelsError(f"{path}: no such file")
        found = verify.problems(path)
        good = good and not found
        lines = [f"{path}: {'ok' if not found else 'not ok'}", *[f"  {text}" for text in found]]
        _show(options, {"file": str(path), "ok": not found, "problems": found}, "\n".join(lines))
    return 0 if good else 1


def _inspect(options: argparse.Namespace) -> int:
    for path in options.files:
        shown = verify.inspect(path)
        _show(options, shown, f"{path}\nid {shown['id']}\n{shown['records']} records,"
              f" {shown['bytes']} bytes\n{json.dumps(shown['manifest'], indent=1)}")
    return 0


def _calibrate(options: argparse.Namespace) -> int:
    calibration = catalog.read_calibration(options.calibration)
    if calibration is None:
        raise ModelsError(f"{options.calibration}: no such file")
    records = archive.read_records(options.file)
    manifest = archive.manifest_of(records)
    wanted = "liveness" if "attacks" in calibration else "embedder"
    if manifest.get("kind") != wanted:
        raise ModelsError(f"{options.file}: kind is {manifest.get('kind')!r}, the calibration is for"
                          f" {wanted}")
    manifest["calibration"] = calibration
    path = options.out or options.file
    archive.write(path, records, manifest)
    identity = archive.model_id(records, manifest)
    _show(options, {"path": str(path), "id": identity}, f"{path}  {identity}")
    return 0


def _show(options: argparse.Namespace, result: dict[str, Any], text: str) -> None:
    print(json.dumps(result) if options.json else text, flush=True)


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
