"""Reads the configuration: a TOML file, then the environment over it, then the checks of the sections."""

import json
import os
import re
import tomllib
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from rapidfuzz import fuzz, process

from bot.base import paths, toml_source
from bot.base.config import names
from bot.base.config.sections import Config
from bot.base.errors import Finding, FindingsError

_PREFIX = "AFTERCART_"


def load(file: Path | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """The configuration of `file` (default: `config.toml` here, if there is one) with the environment over it.

    Raises FindingsError with one finding per mistake.
    """
    if file is None and Path("config.toml").is_file():
        file = Path("config.toml")
    text, tree = "", dict[str, Any]()
    if file is not None:
        text, tree = _read(file)
    findings = list(_unknown_keys(Config, tree, (), file, text))
    variables = dict(_from_environment(environ, findings))
    for path, value in variables.items():
        _put(tree, path, value)
    try:
        config = Config.model_validate({**tree, "source": file})
    except ValidationError as error:
        findings += [_finding(one, file, text, variables) for one in error.errors() if one["type"] != "extra_forbidden"]
        config = Config()
    unknown = (*names.unknown(config.support), *names.unknown_stores(config.events, config.shops))
    for place, message in unknown:
        findings.append(_finding({"loc": place, "msg": message}, file, text, variables))
    if findings:
        raise FindingsError(*findings)
    return _with_absolute_paths(config, file)


def _read(file: Path) -> tuple[str, dict[str, Any]]:
    shown = paths.shown(file)
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        if isinstance(error, FileNotFoundError):
            reason = f"{reason}; `aftercart init FOLDER` makes one"
        raise FindingsError(Finding(f"cannot be read: {reason}", shown)) from None
    try:
        return text, toml_source.parse(text)
    except tomllib.TOMLDecodeError as error:
        raise FindingsError(Finding(toml_source.in_words(error), shown, toml_source.line_of(error, text))) from None


def section_of(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """The section class behind an annotation, and whether it stands in a list (`[[support.sla]]`)."""
    if get_origin(annotation) is Annotated:
        return section_of(get_args(annotation)[0])
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    if get_origin(annotation) is tuple:
        return section_of(get_args(annotation)[0])[0], True
    if get_origin(annotation) is types.UnionType:
        return next((found for part in get_args(annotation) if (found := section_of(part))[0]), (None, False))
    return None, False


def keys(model: type[BaseModel] = Config) -> dict[str, Any]:
    """Every key of a section as written in TOML, with its annotation."""
    return {
        field.alias or name: field.annotation
        for name, field in model.model_fields.items()
        if not (model is Config and name == "source")
    }


def _unknown_keys(
    model: type[BaseModel], tree: Any, path: tuple[str, ...], file: Path | None, text: str
) -> Iterator[Finding]:
    if not isinstance(tree, dict):
        return
    known = keys(model)
    for key, value in tree.items():
        if key not in known:
            near = process.extractOne(key.lower(), list(known), scorer=fuzz.ratio, score_cutoff=50)
            mend = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
            shown = paths.shown(file) if file else None
            yield Finding(f"unknown key; {mend}", shown, _line(text, (*path, key)), ".".join((*path, key)))
            continue
        section, many = section_of(known[key])
        if section is not None:
            for part in value if many and isinstance(value, list) else [value]:
                yield from _unknown_keys(section, part, (*path, key), file, text)


def _from_environment(environ: Mapping[str, str], findings: list[Finding]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for variable in sorted(environ):
        if not variable.startswith(_PREFIX) or "__" not in variable:
            continue
        name, value = variable.removeprefix(_PREFIX).lower(), environ[variable]
        path = tuple(name.split("__"))
        annotation = _annotation(path)
        if annotation is None and name.endswith("_file"):
            path = tuple(name.removesuffix("_file").split("__"))
            annotation = _annotation(path)
            if annotation is not None:
                try:
                    value = Path(value).read_text("utf-8").strip()
                except (OSError, UnicodeDecodeError) as error:
                    findings.append(Finding(f"cannot read the file it names: {error}", variable))
                    continue
        if annotation is None:
            findings.append(Finding("unknown variable; it is AFTERCART_SECTION__KEY with a key of the file", variable))
            continue
        yield path, _from_text(value, annotation)


def _annotation(path: tuple[str, ...]) -> Any:
    model: type[BaseModel] | None = Config
    annotation: Any = None
    for part in path:
        if model is None or part not in keys(model):
            return None
        annotation = keys(model)[part]
        model, many = section_of(annotation)
        model = None if many else model
    return annotation


def _from_text(value: str, annotation: Any) -> Any:
    """A list is written as JSON or with commas; everything else goes to pydantic as it is."""
    if value.lstrip().startswith(("[", "{")):
        try:
            return json.loads(value)
        except ValueError:
            return value
    origin = get_origin(get_args(annotation)[0]) if get_origin(annotation) is Annotated else get_origin(annotation)
    if origin is tuple:
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _put(tree: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for part in path[:-1]:
        below = tree.setdefault(part, {})
        tree = below if isinstance(below, dict) else {}
    tree[path[-1]] = value


_TYPES = {
    "string": "write it in quotes, as text",
    "int": "write a whole number, without quotes",
    "float": "write a number, without quotes",
    "bool": "write true or false",
    "tuple": 'write a list, such as ["one", "two"]',
    "model": "it is a section; write its keys below [its name]",
}


def _words(error: Mapping[str, Any]) -> str:
    """What is wrong, and what to write instead."""
    kind = str(error.get("type", "")).partition("_")[0]
    if kind in _TYPES and str(error["type"]).endswith(("_type", "_parsing", "_from_float")):
        return _TYPES[kind]
    if error.get("type") == "string_pattern_mismatch" and error["ctx"]["pattern"] == "^[A-Z]{2}$":
        return f"{error['input']!r} is not the code of a country; write its two capital letters such as DE or CN"
    message = str(error["msg"]).removeprefix("Value error, ")
    return "write " + message.removeprefix("Input should be ") if message.startswith("Input should be ") else message


def _finding(error: Any, file: Path | None, text: str, variables: Mapping[tuple[str, ...], Any]) -> Finding:
    path = tuple(str(part) for part in error["loc"] if not isinstance(part, int))
    item = next(((at, part) for at, part in enumerate(error["loc"]) if isinstance(part, int)), None)
    path = path[: next((i for i, part in enumerate(path) if part.startswith("function-")), len(path))]
    message = _words(error)
    for end in range(len(path), 0, -1):
        if path[:end] in variables:
            return Finding(message, _PREFIX + "__".join(path[:end]).upper(), None, ".".join(path))
    return Finding(message, paths.shown(file) if file else None, _line(text, path, item), ".".join(path))


def _line(text: str, path: tuple[str, ...], item: tuple[int, int] | None = None) -> int | None:
    """The line where a key stands: exact for plain files, the section's line for inline tables.

    `item` says which one is meant of several `[[sections]]`: how many parts of the path name them, and its place.
    """
    section: list[str] = []
    best: tuple[int, int] | None = None
    seen = -1
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*(\[\[?)\s*([^\]]+?)\s*\]\]?", line)
        if header:
            section = [part.strip(" \"'") for part in header[2].split(".")]
            found = section
            seen += header[1] == "[[" and item is not None and section == list(path[: item[0]])
        elif pair := re.match(r"\s*([\w\"'.-]+)\s*=", line):
            found = section + [part.strip("\"'") for part in pair[1].split(".")]
        else:
            continue
        if item and seen >= 0 and len(found) >= item[0] and seen != item[1]:
            continue
        if list(path[: len(found)]) == found and (best is None or len(found) > best[0]):
            best = len(found), number
    return best[1] if best else None


def _with_absolute_paths(config: Config, file: Path | None) -> Config:
    """Folders and the database in a config file are meant relative to it, not to where somebody started the program:
    from elsewhere the shop would silently begin anew, without its suppressions."""
    base = file.resolve().parent if file else Path.cwd()
    flows, templates = config.automations.flows_folder, config.templates.folder
    segments, broadcasts = config.automations.segments_folder, config.automations.broadcasts_folder
    scripts = config.events.analytics_js
    url = config.database.url
    if url.startswith("sqlite:///"):
        url = f"sqlite:///{base / url.removeprefix('sqlite:///')}"
    return config.model_copy(
        update={
            "database": config.database.model_copy(update={"url": url}),
            "automations": config.automations.model_copy(
                update={
                    "flows_folder": flows and base / flows,
                    "segments_folder": segments and base / segments,
                    "broadcasts_folder": broadcasts and base / broadcasts,
                    "coupons": tuple(
                        one.model_copy(update={"codes": one.codes and base / one.codes})
                        for one in config.automations.coupons
                    ),
                }
            ),
            "events": config.events.model_copy(update={"analytics_js": scripts and base / scripts}),
            "templates": config.templates.model_copy(update={"folder": templates and base / templates}),
        }
    )
