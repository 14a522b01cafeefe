"""Reads `panels.yaml` into profiles, and API keys from where the profiles say. Never shows a key."""

import ipaddress
import os
import stat
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from runner.core.diagnostics import Diagnostic
from runner.core.errors import InvalidInput
from runner.core.orders import SANDBOX, KeySource, PanelProfile
from runner.core.values.text import Secret
from runner.files.syntax.nodes import Kind, Node, plain
from runner.files.syntax.scalars import duration, per_minute
from runner.files.validation.findings import Findings

_TEXTS = frozenset({"url", "env", "file", "currency", "refusals", "accepted_charges", "key"})
_FIELDS: Mapping[str, Callable[[Any], object]] = {  # of PanelProfile, where the file has the same name
    "currency": str,
    "exclusive": bool,
    "keep_alive": bool,
    "rounded_rates": bool,
    "settle": duration,
    "accepted_charges": frozenset,
    "refusals": tuple,
}
_SECRETS = frozenset({"key", "url"})  # people paste keys into the one and passwords into the other
_PROFILE_CAP = 1 << 20  # bytes of panels.yaml
_KEY_CAP = 4096  # bytes of a key file; keys have 32 or 64
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class LoadedPanels(NamedTuple):
    """Result of reading `panels.yaml`."""

    profiles: dict[str, PanelProfile]  # by name, without those that have errors
    diagnostics: tuple[Diagnostic, ...]
    listed: frozenset[str] | None  # all names there; None: the file could not be read to its end


def load_panels(path: Path) -> LoadedPanels:
    """The profiles of `panels.yaml`, and what is wrong with it. No file: no profiles."""
    if not path.exists():
        return LoadedPanels({}, (), frozenset())
    from runner.files.campaign.yaml_events import YamlReader
    from runner.files.syntax.source import Broken, CheckedFile  # yaml and the gate: only when reading

    findings = Findings(str(path))
    profiles: dict[str, PanelProfile] = {}
    listed: frozenset[str] | None = None
    try:
        with CheckedFile(path, _PROFILE_CAP) as source:
            root = YamlReader(source, _TEXTS, findings.error).document()
        profiles = _profiles(root, path.parent, findings)
        listed = frozenset(key.text for key, _ in _listed(root))
    except Broken as problem:
        findings.error(problem.line, problem.column, problem.code, problem.message)
    return LoadedPanels(profiles, tuple(findings.diagnostics()), listed)


def read_key(source: KeySource, name: str, environ: Mapping[str, str] = os.environ) -> Secret:
    """The API key of the panel `name`; raises InvalidInput if it is missing, unusable, or readable by others."""
    if source.env is not None:
        value = environ.get(source.env)
        where = f"the environment variable {source.env}"
        if value is None:
            raise InvalidInput(f"no key for panel {name}: {where} is not set", f"set it, as in `export {source.env}=…`")
    elif source.file is not None:
        value = _key_from_file(source.file, name)
        where = f"the file {source.file}"
    else:
        raise InvalidInput(f"no key for panel {name}", "write `key: {env: NAME}` in panels.yaml")
    value = value.removesuffix("\n").removesuffix("\r")
    if not value:
        raise InvalidInput(f"the key for panel {name} is empty", f"put the key into {where}")
    if not value.isprintable() or any(character.isspace() for character in value):
        several = "several lines, " if "\n" in value or "\r" in value else ""
        raise InvalidInput(
            f"the key for panel {name} holds {several}spaces or control characters",
            f"put the key alone, on one line, into {where}",
        )
    return Secret(value)


def _listed(root: Node) -> list[tuple[Node, Node]]:
    """The entries of `panels:`, names and settings."""
    panels = root.get("panels")
    return panels.entries if panels else []


def _profiles(root: Node, folder: Path, findings: Findings) -> dict[str, PanelProfile]:
    from runner.files.validation.diagnose import report_errors
    from runner.files.validation.gate import gate

    values: Any = plain(root, _TEXTS)
    errors = gate("panels").errors(values)
    if errors:
        report_errors(errors, root, findings, secrets=_SECRETS)
    broken = {tuple(error.absolute_path)[1] for error in errors if len(error.absolute_path) > 1}
    told = {tuple(error.absolute_path)[1:3] for error in errors}
    profiles = {}
    for key, settings in _listed(root):
        if key.text == SANDBOX:
            message = f"`{SANDBOX}` is built in and can't be set up: choose another name"
            findings.error(key.line, key.column, "reserved-name", message)
        elif settings.kind is Kind.MAPPING:
            url = settings.get("url")
            written = values["panels"][key.text].get("url")
            is_told = url is None or not isinstance(written, str) or (key.text, "url") in told
            if url is not None and not is_told and (problem := _url_problem(written)):
                findings.error(url.line, url.column, "url", f"`url` {problem}")
            elif key.text not in broken:
                profiles[key.text] = _profile(key.text, values["panels"][key.text], folder)
    return profiles


def _url_problem(url: str) -> str | None:
    from runner.files.campaign.links import BadLink, parse_address

    try:
        address = parse_address(url)
    except BadLink as bad:
        return str(bad)
    if address.fragment:
        return "has a part behind `#`, which is never sent: remove it"
    if address.scheme == "http" and not _is_loopback(address.host):
        return "must begin with https://: the key travels in the request (http is for loopback only)"
    return None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _profile(name: str, values: Mapping[str, Any], folder: Path) -> PanelProfile:
    """A profile from values that the schema accepts; PanelProfile's own defaults for what is left out."""
    given: dict[str, Any] = {key: take(values[key]) for key, take in _FIELDS.items() if key in values}
    parallel, rate, timeout = (values.get(key, {}) for key in ("parallel", "rate", "timeout"))
    given |= {f"parallel_{key}": number for key, number in parallel.items()}
    given |= {f"{key}_per_minute": per_minute(rate[key]) for key in ("add", "status") if key in rate}
    given |= {"status_per_day": rate["status_per_day"]} if "status_per_day" in rate else {}
    given |= {f"{key}_timeout": duration(text).total_seconds() for key, text in timeout.items()}
    given["charge_factors"] = {service: Decimal(text) for service, text in values.get("charge_factor", {}).items()}
    given["hides_charges"] = values.get("charges") == "hidden"
    given["trusts_refunds"] = values.get("refunds") == "trusted"
    key = values["key"]
    source = KeySource(env=key.get("env"), file=_key_file(folder, key.get("file")), written=key.get("file"))
    return PanelProfile(name=name, url=values["url"], key=source, **given)


def _key_file(folder: Path, written: str | None) -> str | None:
    """Where a key file is that panels.yaml in `folder` names."""
    if written is None:
        return None
    try:
        return str(folder / Path(written).expanduser())
    except RuntimeError:  # `~somebody`, and there is nobody of that name
        return str(folder / written)


_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def _key_from_file(name: str, panel: str) -> str:
    try:
        _refuse_other_kinds(os.stat(name).st_mode, name, panel)  # noqa: PTH116  # before opening, which may wake a device
        with open(os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:  # noqa: PTH123
            mode = os.fstat(file.fileno()).st_mode
            _refuse_other_kinds(mode, name, panel)
            if mode & _OTHERS:
                raise InvalidInput(f"others may open the key file {name} of panel {panel}", f"`chmod 600 {name}`")
            content = file.read(_KEY_CAP + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "bad name"
        raise InvalidInput(
            f"no key for panel {panel}: {name} can't be read ({reason})",
            "create the file with `chmod 600`, the key in it",
        ) from None
    try:
        if len(content) <= _KEY_CAP:
            return content.decode("utf-8")
    except UnicodeDecodeError:
        pass
    raise InvalidInput(
        f"the key file {name} of panel {panel} holds more or other than a key", "put the key alone into it"
    )


def _refuse_other_kinds(mode: int, name: str, panel: str) -> None:
    if not stat.S_ISREG(mode):
        kind = next((words for is_it, words in _KINDS if is_it(mode)), "something else")
        raise InvalidInput(
            f"no key for panel {panel}: {name} is {kind}, not a regular file", "name a file that holds the key"
        )
