"""Weights from the Hugging Face hub, fetched only where a path begins with `hf://`; safetensors and settings alone.

`hf://OWNER/NAME`, `hf://OWNER/NAME@REVISION` or `hf://OWNER/NAME@REVISION/FILE`.
"""

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from cirkd.data.errors import CheckpointError
from cirkd.models.segmenter import ModelInfo
from cirkd.models.settings_beside import FILES
from cirkd.models.weight_files import indexed

_ADDRESS = re.compile(r"hf:/{1,2}([\w.-]+)/([\w.-]+?)(?:@([\w.-]+))?(?:/(.+))?")
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")


def is_remote(path: Path | str) -> bool:
    """Whether a path names something on the hub."""
    return str(path).startswith("hf:/")


def fetched(address: str) -> Path:
    """The folder or file on this machine that an address on the hub stands for; fetched where it is not here yet.

    `HF_ENDPOINT` names a mirror and `HF_HUB_CACHE` the folder that is kept, as everywhere.

    Raises:
        CheckpointError: no such address, no network, or a file that could run code; says what to do.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise CheckpointError(f"{address}: hf://OWNER/NAME, with @REVISION and /FILE where wanted, was expected")
    owner, name, revision, file = match.groups()
    if file is not None and not file.endswith((".safetensors", ".safetensors.index.json")):
        raise CheckpointError(f"{address}: only safetensors are fetched, as others can hold code; convert it first")
    try:
        from huggingface_hub import hf_hub_download
    except ImportError:
        raise CheckpointError(f"{address}: pip install huggingface_hub, or download the folder yourself") from None
    asked: dict[str, Any] = {"repo_id": f"{owner}/{name}", "revision": revision}
    settings = (("cache_dir", "HF_HUB_CACHE"), ("endpoint", "HF_ENDPOINT"))
    asked |= {option: os.environ[variable] for option, variable in settings if variable in os.environ}
    if not _reachable(asked.get("endpoint", "https://huggingface.co")):
        # The client would try again for a long time, for each file; what is in its cache is there without a network.
        asked["local_files_only"] = True
    for beside in ("config.json", *FILES):
        _optional(hf_hub_download, asked, beside)
    weights = [file] if file else list(_WEIGHTS)
    found = next((path for one in weights if (path := _optional(hf_hub_download, asked, one))), None)
    if found is None:
        here = f"{owner}/{name}" + (f" --revision {revision}" if revision else "")
        raise CheckpointError(
            f"{address}: no such file, or no network; where there is one, run `hf download {here} --local-dir FOLDER`, "
            "and give FOLDER"
        )
    for shard in sorted(set(indexed(found).values())) if found.name.endswith(".index.json") else ():
        if _optional(hf_hub_download, asked, shard) is None:
            raise CheckpointError(f"{address}: {shard} cannot be fetched; try again")
    return found if file else found.parent


def _reachable(endpoint: str) -> bool:
    """Whether somebody answers there, whatever the answer is."""
    import urllib.error
    import urllib.request

    try:
        urllib.request.urlopen(urllib.request.Request(endpoint, method="HEAD"), timeout=10).close()
    except urllib.error.HTTPError:
        return True
    except (OSError, ValueError):
        return False
    return True


def with_revision(info: ModelInfo, file: Path) -> ModelInfo:
    """A network's description that says which revision it is of; that is the name of the folder in the hub's cache."""
    revision = file.parent.name
    note = f"from the hub, revision {revision[:12]}"
    return replace(info, provenance={**info.provenance, "revision": revision}, notes=(*info.notes, note))


def _optional(download: Any, asked: dict[str, Any], file: str) -> Path | None:
    """One file, fetched or found in the cache; None where there is none to be had."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(download(filename=file, **asked))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError, ValueError):
        return None
