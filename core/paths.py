"""Where files lie. The only reader of the environment."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import sys
from pathlib import Path

from core.errors import BadInput
from core.objects import mirror, s3

REPOSITORY = Path(__file__).resolve().parent.parent
ASSETS = REPOSITORY / "assets"


_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+")
"""A scheme of two letters or more, as one letter is a drive; what was a `Path` meanwhile has lost a slash."""


def scheme(text: str | Path) -> str:
    """The scheme of an address ("s3", "https"), "" for what is a path of this machine.

    >>> scheme("s3://bucket/photos"), scheme(Path("s3://bucket")), scheme("C:/photos"), scheme("photos:/2024")
    ('s3', 's3', '', 'photos')
    """
    match = _ADDRESS.match(str(text))
    return match[1].lower() if match else ""


def refuse_address(text: str, variable: str, others: str = "") -> None:
    """Raises BadInput where a variable of the environment holds an address: a folder of that name would be made."""
    if scheme(text):
        raise BadInput(
            f"{variable} is {text!r}, an address that starts with {scheme(text)}:, and only a folder of this machine"
            f"{others} can stand there. Mount it, and set {variable} to the folder where it is mounted."
        )


def home() -> Path:
    """The folder of everything that Fusionscope keeps: FUSIONSCOPE_HOME, else the user's data folder.

    For a home on an object store it is the cache of this machine: the folders of `core.objects.SHARED` below it mirror the
    store, and so does what `store` keeps; all else is made again by each machine.

    Raises:
        BadInput: FUSIONSCOPE_HOME is an address of another kind.
    """
    chosen = os.environ.get("FUSIONSCOPE_HOME", "").strip()
    if home_address():
        return cache()
    if chosen:
        refuse_address(chosen, "FUSIONSCOPE_HOME", " or s3://bucket/prefix")
        return _resolved(chosen) if os.path.isabs(chosen) else Path(chosen).expanduser().resolve()
    from platformdirs import user_data_path

    return user_data_path("fusionscope", appauthor=False)


def home_address() -> str:
    """s3://bucket/prefix where the home is on an object store, "" where it is a folder.

    Raises:
        BadInput: the address names no bucket.
    """
    chosen = os.environ.get("FUSIONSCOPE_HOME", "").strip()
    return _on_store(chosen) if scheme(chosen) == "s3" else ""


@functools.lru_cache(maxsize=8)
def _on_store(text: str) -> str:
    bucket, prefix = s3.split_address(re.sub("^[^:]+:/+", "s3://", text))  # a `Path` has lost a slash
    return f"s3://{bucket}/{prefix}".rstrip("/")


def cache() -> Path:
    """What this machine can make again (maps, indexes, engines), always local: below FUSIONSCOPE_CACHE, else the home.

    Raises:
        BadInput: FUSIONSCOPE_CACHE is an address.
    """
    chosen, address = os.environ.get("FUSIONSCOPE_CACHE", "").strip(), home_address()
    refuse_address(chosen, "FUSIONSCOPE_CACHE")
    if not chosen and not address:
        return home()
    return _cache_of(chosen, address or str(home()))


def cache_is_bounded() -> bool:
    """Whether the cache is a folder of its own, so that what was used longest ago may be removed from it."""
    return bool(os.environ.get("FUSIONSCOPE_CACHE", "").strip() or home_address())


def cache_bytes() -> int:
    """The most that the cache may take: FUSIONSCOPE_CACHE_GB, by default 20.

    Raises:
        BadInput: it is no number above 0.
    """
    text = os.environ.get("FUSIONSCOPE_CACHE_GB", "").strip() or "20"
    try:
        gigabytes = float(text)
    except ValueError:
        gigabytes = 0.0
    if not gigabytes > 0:
        raise BadInput(f"FUSIONSCOPE_CACHE_GB is {text!r}; give the gigabytes that the cache may take, such as 20.")
    return int(gigabytes * 1e9)


@functools.lru_cache(maxsize=8)
def _cache_of(chosen: str, home_text: str) -> Path:
    """A folder of its own for each home."""
    from platformdirs import user_cache_path

    base = Path(chosen).expanduser().resolve() if chosen else user_cache_path("fusionscope", appauthor=False)
    return base / hashlib.sha256(home_text.encode()).hexdigest()[:16]


def _shared(kind: str) -> Path:
    """A folder of the home, as fresh as `core.objects` keeps it where the home is on an object store."""
    address = home_address()
    if address:
        mirror.opened(address, home()).freshen(kind)
    return home() / kind


@functools.lru_cache(maxsize=8)
def _resolved(text: str) -> Path:
    """An absolute path without links; every cache key asks for it."""
    return Path(text).resolve()


def store() -> Path:
    """Embeddings and thumbnails, by image content."""
    _shared(mirror.EMBEDDINGS)
    return home() / "store"


def datasets() -> Path:
    """One folder per dataset: its record, its table, its quarantine."""
    return _shared("datasets")


def layouts() -> Path:
    """Maps that were laid out, under a key that holds everything that changes them."""
    return cache() / "layouts"


def indexes() -> Path:
    """Search indexes of large galleries, under a key that holds everything that changes them."""
    return cache() / "indexes"


def fusions() -> Path:
    """Fusions that were saved under a name, one JSON file each."""
    return _shared("fusions")


def stories() -> Path:
    """Stories to present, one JSON file each."""
    return _shared("stories")


def judgements() -> Path:
    """Answers of judges, one file per judge."""
    return _shared("judgements")


def fitted() -> Path:
    """Weights and networks that were fitted in the Fusion lab, with what they were trained on."""
    return _shared("fitted")


def studies() -> Path:
    """Studies that were saved on this installation, one TOML file each."""
    return _shared("studies")


def study_results() -> Path:
    """Evaluations of studies, under the hash of what they rest on."""
    return cache() / "study_results"


def calibrations() -> Path:
    """What makes probabilities of scores, one JSON file of each system of a dataset."""
    return _shared("calibrations")


def backbones() -> Path:
    """Backbones that were added on this installation, one JSON file each."""
    return _shared("backbones")


def tuned() -> Path:
    """Networks that were tuned on this installation, a folder each: weights and card."""
    return _shared("tuned")


def checkpoints() -> Path:
    """Trainings that go on after a kill, one file each; gone when the training is done."""
    return home() / "checkpoints"


def concepts() -> Path:
    """Where the names of classes lie in the space of words, worked out once."""
    return cache() / "concepts"


def measurements() -> Path:
    """Latency and size as measured on this machine."""
    return cache() / "measurements"


def plugins() -> Path:
    """The user's own strategies: FUSIONSCOPE_PLUGINS, else `plugins` in the home folder."""
    chosen = os.environ.get("FUSIONSCOPE_PLUGINS", "").strip()
    refuse_address(chosen, "FUSIONSCOPE_PLUGINS")
    return Path(chosen).expanduser().resolve() if chosen else home() / "plugins"


def hub_is_offline() -> bool:
    """True when the user said that no model hub may be asked (HF_HUB_OFFLINE)."""
    return os.environ.get("HF_HUB_OFFLINE", "").strip().lower() in {"1", "true", "yes", "on"}


def set_hub_offline() -> None:
    """Stop the hub libraries from waiting on a dead network; they read it when they are imported."""
    os.environ["HF_HUB_OFFLINE"] = "1"


def cpu_count() -> int:
    """Processors that this process may use: affinity and cgroup limits, never fewer than one."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:
        cores = os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        if quota != "max":
            cores = min(cores, max(1, int(int(quota) / int(period))))
    except (OSError, ValueError):
        return max(1, cores)
    return max(1, cores)


def shared_results_bytes() -> int:
    """What results that pages share may take in memory: FUSIONSCOPE_MEMORY_MB, else half of the machine's.

    Raises:
        BadInput: the variable holds no number.
    """
    chosen = os.environ.get("FUSIONSCOPE_MEMORY_MB", "").strip()
    if not chosen:
        return memory_bytes() // 2
    if not chosen.isdecimal() or int(chosen) < 16:
        raise BadInput(f"FUSIONSCOPE_MEMORY_MB is {chosen!r}; it is a whole number of megabytes, at least 16.")
    return int(chosen) << 20


@functools.cache
def memory_bytes() -> int:
    """Memory that this process may use: the machine's, or the limit of its cgroup."""
    import psutil

    total = int(psutil.virtual_memory().total)
    try:
        return min(total, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    except (OSError, ValueError):
        return total


def hub_cache() -> Path:
    """Where the hub libraries keep what they downloaded: HF_HUB_CACHE, else `hub` in HF_HOME, else their default."""
    chosen = os.environ.get("HF_HUB_CACHE", "").strip()
    if chosen:
        return Path(chosen).expanduser()
    general = os.environ.get("XDG_CACHE_HOME", "").strip() or "~/.cache"
    return Path(os.environ.get("HF_HOME", "").strip() or f"{general}/huggingface").expanduser() / "hub"


def allocator_is_left_alone() -> bool:
    """True when the user said that the C allocator keeps its settings (FUSIONSCOPE_KEEP_ALLOCATOR)."""
    return os.environ.get("FUSIONSCOPE_KEEP_ALLOCATOR", "").strip().lower() in {"1", "true", "yes", "on"}


def device_wanted() -> str:
    """The device that FUSIONSCOPE_DEVICE names ("cpu", "cuda", "cuda:1", "mps"), "" for the best one there is."""
    return os.environ.get("FUSIONSCOPE_DEVICE", "").strip().lower()


def endpoint_token() -> str:
    """What servers of embeddings are shown as a bearer token (FUSIONSCOPE_ENDPOINT_TOKEN), "" for none."""
    return os.environ.get("FUSIONSCOPE_ENDPOINT_TOKEN", "").strip()


def search_server() -> str:
    """The server that searches large galleries (postgresql://…), "" for the index of this machine.

    `streamlit run app.py -- --search-server ADDRESS`, else FUSIONSCOPE_SEARCH_SERVER, which no list of processes shows.
    """
    for at, argument in enumerate(sys.argv):
        if argument == "--search-server" and at + 1 < len(sys.argv):
            return sys.argv[at + 1]
        if argument.startswith("--search-server="):
            return argument.partition("=")[2]
    return os.environ.get("FUSIONSCOPE_SEARCH_SERVER", "").strip()


def served_names() -> frozenset[str]:
    """Names under which the app is reached beside the addresses of this machine: FUSIONSCOPE_HOSTS, by commas."""
    names = os.environ.get("FUSIONSCOPE_HOSTS", "").lower().split(",")
    return frozenset(name.strip() for name in names if name.strip())


def access_mode() -> str:
    """Who may use a server: FUSIONSCOPE_ACCESS, "" where nobody said."""
    return os.environ.get("FUSIONSCOPE_ACCESS", "").strip().lower()


def set_variable(name: str, value: str) -> None:
    """Set one of the variables above for the server that this process becomes."""
    os.environ[name] = value


def access_file() -> Path:
    """The settings of a server's roles: FUSIONSCOPE_ACCESS_FILE, else `access.toml` in the home folder."""
    chosen = os.environ.get("FUSIONSCOPE_ACCESS_FILE", "").strip()
    return Path(chosen).expanduser() if chosen else home() / "access.toml"


def source_roots() -> tuple[str, ...]:
    """Folders under which sources of datasets lie on a server: FUSIONSCOPE_ROOTS, separated as in PATH."""
    return tuple(filter(None, os.environ.get("FUSIONSCOPE_ROOTS", "").split(os.pathsep)))


def proxies() -> tuple[str, ...]:
    """Addresses and networks of proxies that say who a visitor is: FUSIONSCOPE_PROXIES, by commas."""
    values = os.environ.get("FUSIONSCOPE_PROXIES", "").split(",")
    return tuple(value.strip() for value in values if value.strip())


def log_is_json() -> bool:
    """True when a server writes its lines as JSON (FUSIONSCOPE_LOG)."""
    return os.environ.get("FUSIONSCOPE_LOG", "").strip().lower() == "json"


def metrics_token() -> str:
    """What whoever reads a server's numbers shows (FUSIONSCOPE_METRICS_TOKEN), "" for none."""
    return os.environ.get("FUSIONSCOPE_METRICS_TOKEN", "").strip()
