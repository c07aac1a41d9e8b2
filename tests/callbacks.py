"""What a browser sends to a callback, for tests that ask without one."""

import json
import re
from typing import Any

from dash import Dash


def body_of(app: Dash, output: str, values: dict[str, Any]) -> dict[str, Any]:
    """What the browser sends to the callback with an output (or its whole key), given values of inputs and states."""
    key = output if output in app.callback_map else next(key for key in app.callback_map if output in _outputs_of(key))
    found = app.callback_map[key]
    outputs = [dict(zip(("id", "property"), name.rsplit(".", 1), strict=True)) for name in _outputs_of(key)]
    triggered = values.get("triggered")

    def given(dependency: dict[str, str]) -> Any:
        if dependency["id"].startswith("{"):
            return [{"id": triggered, "property": dependency["property"], "value": 1}] if triggered else []
        return {**dependency, "value": values.get(f"{dependency['id']}.{dependency['property']}")}

    inputs = [given(dependency) for dependency in found["inputs"]]
    first = ".".join(found["inputs"][0][each] for each in ("id", "property"))
    changed = next(iter(values), first) if triggered is None else f"{_id_text(triggered)}.n_clicks"
    return {
        "output": key,
        "outputs": outputs if len(outputs) > 1 or key.startswith("..") else outputs[0],
        "inputs": inputs,
        "state": [given(dependency) for dependency in found["state"]],
        "changedPropIds": [changed],
    }


def _outputs_of(key: str) -> list[str]:
    """The outputs of a callback by its key: "a.b", or "..a.b...c.d.."."""
    return [name.partition("@")[0] for name in re.split(r"^\.\.|\.\.\.|\.\.$", key) if name]


def _id_text(identity: dict[str, Any]) -> str:
    return json.dumps(identity, sort_keys=True, separators=(",", ":"))
