"""A tab without a browser: it keeps a page's components as Dash's renderer does, and asks whatever a person could.

In: the address of a server and whose cookie. Out: every answer, decoded so that nothing in it is hidden from a search:
JSON escapes, files (workbooks unpacked), numbers of charts.
"""

import base64
import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import requests

CALLBACKS = "/_dash-update-component"
#: Properties that change by themselves or by other answers; a tab asks again when they do.
_PASSIVE = frozenset({"pathname", "search", "href", "hash", "data", "children", "n_intervals"})
_TICK, _PRESS, _CHOOSE = "n_intervals", "n_clicks", "value"
#: Fields that a person types in: empty ones need something to be typed.
_TYPED_IN = frozenset({"TextInput", "Textarea", "PasswordInput", "Input", "NumberInput"})
_MOST_PRESSES = 400
#: A button that stands beside many things (jobs, loads, sessions) is pressed beside so many of them.
_MOST_OF_A_KIND = 2


class UnknownCallbackError(Exception):
    """A callback takes something that the crawler was not told how to give."""


@dataclass(frozen=True)
class Said:
    """One answer: what was asked, its status, and all that it says in the clear."""

    what: str
    status: int
    text: str


@dataclass(frozen=True)
class Declared:
    """A callback that the server answers, as it tells every browser."""

    output: str
    inputs: tuple[tuple[str, str], ...]
    states: tuple[tuple[str, str], ...]
    waits: bool

    @property
    def places(self) -> list[tuple[str, str]]:
        """Where its answer goes: ids and properties."""
        names = re.split(r"^\.\.|\.\.\.|\.\.$", self.output)
        return [
            (own, prop) for name in names if name for own, _, prop in [name.partition("@")[0].rpartition(".")]
        ]  # fmt: skip

    @property
    def name(self) -> str:
        """What access.csv calls it."""
        name, at, _ = self.output.partition("@")
        return f"{name}@{'.'.join(self.inputs[0])}" if at else name


@dataclass
class Tab:
    """A tab of somebody. `typed` tells, by id and property, what a person gives; several ways one after another."""

    address: str
    cookie: Mapping[str, str]
    typed: Mapping[str, list[Any]]
    said: list[Said] = field(default_factory=list)
    asked: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    links: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.cookies.set(self.cookie["name"], self.cookie["value"])
        self.root: Any = None
        self.nodes: dict[str, dict[str, Any]] = {}
        self.types: dict[str, str] = {}
        self.seen: dict[str, str] = {}
        self.pressed: set[str] = set()
        self.kinds: Counter[str] = Counter()
        self.path = ""
        self.callbacks: list[Declared] = []

    def open(self, url: str) -> int:
        """Load a page of the server anew and let it fill; its status."""
        status = self._get(url, Accept="text/html").status_code
        if status != 200:
            return status
        self.callbacks = [
            Declared(
                each["output"],
                tuple((one["id"], one["property"]) for one in each["inputs"]),
                tuple((one["id"], one["property"]) for one in each["state"]),
                bool(each["prevent_initial_call"]),
            )
            for each in self._get("/_dash-dependencies").json()
            if not each["clientside_function"]
        ]
        self.root, self.seen = self._get("/_dash-layout").json(), {}
        self.go(url)
        return status

    def go(self, url: str) -> None:
        """Follow a link inside the page, as the browser does it, and let the page fill."""
        parts = urlsplit(url)
        self.path = parts.path
        self._index()
        search = f"?{parts.query}" if parts.query else ""
        self.nodes["location"].update(pathname=parts.path, search=search, href=self.address + url, hash="")
        self.nodes["scheme"]["data"] = "light"  # what a script of the page writes there
        self._settle()

    def act(self) -> None:
        """Press, choose, type and send everything that the page offers, and what appears meanwhile."""
        for _ in range(_MOST_PRESSES):
            todo = next(self._untouched(), None)
            if todo is None:
                return
            key, callback, identity, prop, value = todo
            self.pressed.add(key)
            before = self.nodes[identity].get(prop)
            self.nodes[identity][prop] = value
            self._ask(callback, f"{identity}.{prop}")
            if identity in self.nodes and prop not in (_CHOOSE, *_PASSIVE):
                self.nodes[identity][prop] = before
            self.seen[callback.output] = self._holds(callback)
            self._settle()
        raise UnknownCallbackError(f"{self.path} offers something new at each press")

    def send(self, body: dict[str, Any]) -> Said:
        """Send the body of a callback as it is."""
        return self._hear(f"callback {body['output'].partition('@')[0]}", self._post(body))

    def fetch(self, url: str) -> Said:
        """Fetch a file that a page links to."""
        self._get(url)
        return self.said[-1]

    def _post(self, body: dict[str, Any]) -> requests.Response:
        token = self.session.cookies.get("_csrf_token", default="")
        return self.session.post(self.address + CALLBACKS, json=body, headers={"X-CSRFToken": token}, timeout=60)

    def _get(self, url: str, **headers: str) -> requests.Response:
        answer = self.session.get(self.address + url, headers=headers, timeout=60, allow_redirects=False)
        self._hear(f"GET {url}", answer)
        return answer

    def _hear(self, what: str, answer: requests.Response) -> Said:
        text = "\n".join([*answer.headers.values(), answer.text, *clear_texts(answer)])
        self.said.append(Said(what, answer.status_code, text))
        return self.said[-1]

    def _index(self) -> None:
        """Look at what the page is made of now."""
        self.nodes = {}
        for node in _walk(self.root):
            if "id" in node["props"]:
                identity = identity_text(node["props"]["id"])
                self.nodes[identity], self.types[identity] = node["props"], node["type"]
            for name, value in node["props"].items():
                if name == "href" and isinstance(value, str):
                    self._note_link(value)
                elif name == "rowData":
                    for row in value or []:
                        for cell, href in row.items():
                            if cell.endswith("_href") and isinstance(href, str):
                                self._note_link(href)

    def _note_link(self, href: str) -> None:
        if href.startswith("/") and not href.startswith("//"):
            self.links.setdefault(href)

    def _found(self, identity: str) -> list[str]:
        """The components that an id of a callback names: one, or all that match its pattern."""
        if not identity.startswith("{"):
            return [identity] if identity in self.nodes else []
        pattern = json.loads(identity)
        return [
            each for each in self.nodes
            if each.startswith("{") and _matches(json.loads(each), pattern)
        ]  # fmt: skip

    def _is_there(self, callback: Declared) -> bool:
        """Tell whether the page has what a callback takes, and where its answer goes."""
        plain = [own for own, _ in (*callback.inputs, *callback.places) if not own.startswith("{")]
        patterns = [own for own, _ in callback.inputs if own.startswith("{")]
        return all(own in self.nodes for own in plain) and all(self._found(own) for own in patterns)

    def _settle(self) -> None:
        """Ask what asks by itself, until nothing changes any more."""
        for _ in range(12):
            quiet = True
            for callback in self.callbacks:
                if not self._is_there(callback):
                    self.seen.pop(callback.output, None)
                    continue
                holds = self._holds(callback)
                before = self.seen.get(callback.output)
                self.seen[callback.output] = holds
                if before == holds or (before is None and callback.waits):
                    continue
                quiet = False
                self._ask(callback, ".".join(callback.inputs[0]))
            if quiet:
                return
        raise UnknownCallbackError(f"{self.path} never comes to rest")

    def _holds(self, callback: Declared) -> str:
        """What a callback's inputs hold: it asks again when that changes."""
        return json.dumps([self._given(each) for each in callback.inputs], sort_keys=True)

    def _untouched(self) -> Iterator[tuple[str, Declared, str, str, Any]]:
        """What can still be pressed, chosen or sent: a key, the callback, the component, its property, the value."""
        for callback in self.callbacks:
            if not self._is_there(callback):
                continue
            for own, prop in callback.inputs:
                ways = self._ways(callback, own, prop)
                for identity in self._found(own):
                    for number, value in enumerate(ways(self.nodes[identity])):
                        key = f"{self.path} {callback.output} {identity}.{prop} {number}"
                        kind = re.sub("[0-9]+", "#", key)
                        if key not in self.pressed and self.kinds[kind] < _MOST_OF_A_KIND:
                            self.kinds[kind] += 1
                            yield key, callback, identity, prop, value

    def _ways(self, callback: Declared, own: str, prop: str) -> Callable[[dict[str, Any]], list[Any]]:
        told = self._told(own, prop)
        if told is not None:
            return lambda _: list(told)
        if prop == _PRESS:
            return lambda _: [1]
        if prop == _TICK:
            return lambda _: [1]
        if prop == _CHOOSE:
            return lambda props: [props.get(_CHOOSE)]
        if prop in _PASSIVE:
            return lambda _: []
        raise UnknownCallbackError(f"{callback.name}: what is {own}.{prop}? Say so in `typed`")

    def _told(self, identity: str, prop: str) -> list[Any] | None:
        """What a person gives there; the numbers of an id that is a pattern do not matter."""
        return self.typed.get(f"{re.sub('[0-9]+', '#', identity) if identity.startswith('{') else identity}.{prop}")

    def _given(self, place: tuple[str, str], *, state_of: str = "") -> Any:
        own, prop = place

        def value_of(identity: str) -> Any:
            value = self.nodes[identity].get(prop)
            told = self._told(identity, prop)
            if state_of and value in (None, "") and told is not None:
                return told[0]
            if state_of and value in (None, "") and prop == _CHOOSE and self.types[identity] in _TYPED_IN:
                raise UnknownCallbackError(f"{state_of}: what is typed in {identity}? Say so in `typed`")
            return value

        if not own.startswith("{"):
            value = value_of(own) if own in self.nodes else None
            return {"id": own, "property": prop, **({} if value is None else {"value": value})}
        return [
            {"id": json.loads(identity), "property": prop, "value": value_of(identity)}
            for identity in self._found(own)
        ]  # fmt: skip

    def _ask(self, callback: Declared, changed: str) -> None:
        outputs = [{"id": own, "property": prop} for own, prop in callback.places]
        if "@" in callback.output:
            outputs[0]["property"] += "@" + callback.output.partition("@")[2]
        body = {
            "output": callback.output,
            "outputs": outputs if callback.output.startswith("..") else outputs[0],
            "inputs": [self._given(each) for each in callback.inputs],
            "state": [self._given(each, state_of=callback.name) for each in callback.states],
            "changedPropIds": [changed],
        }
        self.asked.setdefault(callback.name, []).append(body)
        self.seen[callback.output] = self._holds(callback)
        answer = self._post(body)
        said = self._hear(f"callback {callback.name}", answer)
        # A refusal that bears its own words for the page is an answer.
        if answer.status_code >= 400 and "X-Said" not in answer.headers:
            raise AssertionError(f"{self.path}: {callback.name}: {said.status} {said.text[-500:]}")
        self.answered.add(callback.name)
        content = answer.json() if answer.text else {}
        for part in ("response", "sideUpdate"):
            for identity, props in (content.get(part) or {}).items():
                self._take(identity_text(identity), props)

    def _take(self, identity: str, props: dict[str, Any]) -> None:
        """Put an answer into its place; a new address is only noted."""
        if identity == "location":
            for name in ("search", "href"):
                if name in props:
                    self._note_link(props[name] if name == "href" else self.path + props[name])
            return
        if identity in self.nodes:
            self.nodes[identity].update(props)
            self._index()


def identity_text(identity: Any) -> str:
    """An id as Dash writes it."""
    if isinstance(identity, str):
        if not identity.startswith("{"):
            return identity
        identity = json.loads(identity)
    return json.dumps(identity, sort_keys=True, separators=(",", ":"))


def clear_texts(answer: requests.Response) -> list[str]:
    """Whatever an answer holds that its own text hides: escapes, files, numbers of charts."""
    if answer.headers.get("Content-Disposition", "").startswith("attachment"):
        return list(file_texts(answer.content))
    if "json" not in answer.headers.get("Content-Type", ""):
        return []
    return list(texts_within(json.loads(answer.text))) if answer.text else []


def texts_within(value: Any) -> Iterator[str]:
    """Every text of an answer, what its files hold, and the whole numbers of its charts."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from texts_within(each)
    elif isinstance(value, dict):
        if value.get("base64") is True and isinstance(value.get("content"), str):
            yield from file_texts(base64.b64decode(value["content"]))
        if isinstance(value.get("bdata"), str):
            numbers = np.frombuffer(base64.b64decode(value["bdata"]), dtype=value["dtype"])
            yield " ".join(str(int(number)) for number in numbers if np.isfinite(number) and number == int(number))
        for name, each in value.items():
            yield name
            yield from texts_within(each)


def file_texts(content: bytes) -> Iterator[str]:
    """The text of a file; of a workbook that of each of its parts."""
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as book:
            for name in book.namelist():
                yield book.read(name).decode("utf-8", "replace")
    else:
        yield content.decode("utf-8", "replace")


def shape(url: str) -> tuple[str, ...]:
    """What makes an address another kind of question: its path, what it names, the figure; or the very call."""
    parts = urlsplit(url)
    words = parse_qs(parts.query, keep_blank_values=True)
    return (parts.path, *words.get("llamada", [*sorted(words), *words.get("cifra", [])]))


def _walk(component: Any) -> Iterator[dict[str, Any]]:
    if isinstance(component, dict):
        if "props" in component and "type" in component and "namespace" in component:
            yield component
        for value in component.values():
            yield from _walk(value)
    elif isinstance(component, list):
        for each in component:
            yield from _walk(each)


def _matches(identity: dict[str, Any], pattern: dict[str, Any]) -> bool:
    return identity.keys() == pattern.keys() and all(
        wanted in (["ALL"], ["MATCH"], ["ALLSMALLER"]) or identity[name] == wanted
        for name, wanted in pattern.items()
    )  # fmt: skip
