"""Who may do what: every gated function as every role, settings, links, and what of the disk is read."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import access, backbones, data, stories
from core.access import ACTIONS, GATED, ROLES, Visitor, invitations, reach
from core.backbones import sources
from core.data import saved
from core.errors import BadInput, CoreError, NotAllowed, UnknownName
from core.fusion import FusionSpec, store
from core.judging.answers import Answer, AnswerLog
from core.stories import Story, StoryStep
from tests import house
from tests.conftest import draw_tiny, write_tiny

for _module in sorted(house.MODULES):
    if "gated(" in house.MODULES[_module].read_text(encoding="utf-8"):
        importlib.import_module(_module)  # each adds its functions to GATED
MEMBER = Visitor("member", "Ann", "account a")
OTHER = Visitor("member", "Bo", "account b")
GUEST = Visitor("guest", "", "address 1")


@pytest.fixture(autouse=True)
def nobody_asks() -> Iterator[None]:
    """As on the command line, whatever other tests imported."""
    before = access.visitor._ask
    access.ask_with(None)
    yield
    access.ask_with(before)


@pytest.fixture
def serving() -> None:
    """As in a server that cannot tell who acts."""
    access.ask_with(lambda: access.NOBODY)


def function_of(name: str) -> Callable[..., Any]:
    """The object behind a full name."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        if ".".join(parts[:cut]) in house.MODULES:
            found: Any = importlib.import_module(".".join(parts[:cut]))
            for part in parts[cut:]:
                found = getattr(found, part)
            return found
    raise AssertionError(name)


def refuses(function: Callable[..., Any]) -> bool:
    """Whether the gate of a function is shut: asked with arguments that fit nothing, it says so before it looks at them."""
    try:
        function(object(), *[object()] * 20)
    except NotAllowed:
        return True
    except TypeError:
        return False
    raise AssertionError(f"{function} took twenty-one arguments")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", sorted(GATED))
def test_every_gate_opens_for_its_role_alone(name: str, role: str) -> None:
    with access.acting(Visitor(role)):
        assert refuses(function_of(name)) is not ACTIONS[GATED[name]].allows(role)


def test_a_server_that_cannot_tell_who_acts_lets_nobody_do_anything(serving: None) -> None:
    assert all(refuses(function_of(name)) for name in GATED) and not any(access.may(name) for name in ACTIONS.names)


def test_what_changes_a_file_of_the_home_is_behind_a_gate() -> None:
    """Each function that people's clicks lead to; a new one belongs here and behind a gate."""
    expected = {
        "core.data.library.add",
        "core.data.changes.remove",
        "core.data.changes.set_private",
        "core.data.attached_vectors.attach",
        "core.backbones.custom.add",
        "core.backbones.custom.add_local",
        "core.store.store.Store.repair",
        "core.store.store.Store.remove",
        "core.studies.embedding.embed",
        "core.studies.costs.measure",
        "core.studies.calibration_store.save",
        "core.studies.training.trained_fusions.keep",
        "core.fusion.store.save",
        "core.fusion.store.remove",
        "core.judging.answers.AnswerLog.keep",
        "core.stories.store.save",
        "core.stories.store.remove",
        "core.studies.study.study_library.save",
        "core.studies.finetuning.run.train",
    }
    assert expected <= set(GATED)


WITHOUT_GATE = {
    "what is worked out again when it is gone": """core.backbones.concepts core.backbones.engines.openvino_engine
        core.backbones.engines.probe core.backbones.engines.select core.backbones.text_cache core.projection.layouts
        core.search.block_index core.studies.ann_index core.studies.image_measures core.studies.study.cells
        core.cache_bound core.data.tar_skeletons core.store.mapped_rows""",
    "what a function behind a gate calls": """core.access.authors core.data.dataset_table core.data.judged_truth
        core.data.saved core.studies.finetuning.loop
        core.studies.finetuning.network_learners core.objects.folder core.objects.mirror core.store.folders core.store.leases core.store.lance core.store.repair
        core.store.thumbnails""",
    "sources that are made or fetched as they are read, behind `library.add`": """core.data.demo
        core.data.demo_catalogue core.data.readers.listed_addresses core.data.remote_files core.data.remote_sources
        core.data.readers.huggingface core.data.readers.manifest core.data.readers.torchvision""",
    "only the command line": "core.access.invitations core.backbones.tuned_export",
    "no file": "core.charts.scatter core.studies.catalogue.catalogue_evaluation core.studies.datasets core.files",
}
"""Why → modules that write, rename or delete files without a gate of their own."""
WRITES = re.compile(r"files\.(write|append|replacing|make_folder)|\.unlink\(|rmtree\(|\.rename\(")


def test_a_module_that_writes_files_has_a_gate_or_a_reason() -> None:
    reasons = {name for names in WITHOUT_GATE.values() for name in names.split()}
    beyond = ("core.ui", "core.cli", "core.bench", "core.export")  # doors, and files that somebody takes along
    writing = {
        name
        for name, path in house.MODULES.items()
        if name.startswith("core.") and not name.startswith(beyond) and WRITES.search(path.read_text(encoding="utf-8"))
    }
    gated = {name for name, path in house.MODULES.items() if "@gated(" in path.read_text(encoding="utf-8")}
    assert writing - gated - reasons == set(), "a function that people's clicks lead to asks `access.gated` first"


@pytest.mark.parametrize(
    "name", ["timm:resnet26", "hf-hub:somebody/model", "fast:timm:resnet26", "endpoint:m@http://x"]
)
def test_a_name_of_a_visitor_has_no_server_asked(name: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link, or the study of a member, may name any backbone: it is refused before the hub or a server is asked."""
    monkeypatch.setattr(sources, "resolve", lambda name: pytest.fail(f"{name} was looked up"))
    for visitor in (GUEST, MEMBER):
        with access.acting(visitor), pytest.raises(NotAllowed, match="Owners"):
            backbones.add(name)


def _calls(node: ast.AST) -> Iterator[tuple[str, str, ast.Call]]:
    """(module, function, call) of each `module.function(…)`."""
    for call in ast.walk(node):
        if (
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Attribute)
            and isinstance(call.func.value, ast.Name)
        ):
            yield call.func.value.id, call.func.attr, call


def test_work_behind_a_gate_is_refused_before_it_starts() -> None:
    """A job says for which action it is: else a guest starts one that fails, and it takes the place of another."""
    gated = {
        (name.split(".")[-2], name.split(".")[-1])
        for name, action in GATED.items()
        if not ACTIONS[action].allows("guest")
    }
    wrong = []
    for path in house.FILES:
        if "jobs.start(" not in path.read_text(encoding="utf-8"):
            continue
        calls = list(_calls(house.tree_of(path)))
        starts = [call for module, function, call in calls if (module, function) == ("jobs", "start")]
        if gated & {(module, function) for module, function, _ in calls}:
            wrong += [path.name for call in starts if not any(word.arg == "action" for word in call.keywords)]
    assert not wrong


def test_each_action_stands_at_a_gate_or_a_control() -> None:
    texts = {
        node.value
        for path in house.FILES
        if "access/actions" not in path.as_posix()
        for node in ast.walk(house.tree_of(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert set(ACTIONS.names) - texts == set()


def test_more_of_a_role_is_never_less() -> None:
    for action in ACTIONS:
        allowed = [action.allows(role) for role in ROLES]
        assert allowed == sorted(allowed) and not allowed[0] and allowed[-1]


# ---------------------------------------------------------------- settings


def settings(monkeypatch: pytest.MonkeyPatch, home: Path, toml: str = "", mode: str = "members") -> access.Settings:
    monkeypatch.setenv("FUSIONSCOPE_ACCESS", mode)
    home.mkdir(parents=True, exist_ok=True)
    (home / "access.toml").write_text(toml, encoding="utf-8")
    return access.settings()


def test_roles_come_from_lists_and_from_a_claim(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    made = settings(
        monkeypatch,
        home,
        'owners = ["ann@example.org"]\nmembers = ["*@Example.org"]\nguests = ["sub-7"]\nclaim = "groups"\n'
        '[roles]\nlab = "member"\nadmins = "owner"\n',
    )

    def role(**claims: Any) -> str:
        return made.role_of(claims)

    assert role(email="Ann@example.org", email_verified=True) == "owner"
    assert role(email="bo@example.org", email_verified=True) == "member"
    assert role(email="ann@example.org") == "nobody" and role(email="ann@example.org", email_verified=False) == "nobody"
    assert role(email="ann@example.org", email_verified="true") == "nobody"
    assert role(email="bo@example.org.evil.example", email_verified=True) == "nobody"
    assert role(sub="sub-7") == "guest" and role(sub="sub-8") == "nobody" and role() == "nobody"
    assert role(groups=["lab", "x"]) == "member" and role(groups="admins") == "owner" and role(groups=None) == "nobody"
    assert role(sub="sub-7", groups=["admins", "lab"]) == "owner"


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("owners = 3", "owners"),
        ("owner = []", "owner"),
        ("[roles]\nlab = 'king'", "roles"),
        ("[limits]\njobs = 1.5", "limits"),
        ("[limits]\nother = 1", "limits"),
        ("session_hours = 'x'", "session_hours"),
        ("=", "cannot be read"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, home: Path, toml: str, words: str
) -> None:
    with pytest.raises(BadInput, match=words):
        settings(monkeypatch, home, toml)


def test_an_unknown_mode_is_refused_with_the_known_ones(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    with pytest.raises(BadInput, match="local, guest, members, trusted"):
        settings(monkeypatch, home, mode="open")


def test_a_file_that_breaks_while_the_server_runs_opens_nothing(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    assert settings(monkeypatch, home, 'owners = ["a"]').role_of({"sub": "a"}) == "owner"
    assert settings(monkeypatch, home, 'owners = ["a').role_of({"sub": "a"}) == "owner"
    assert settings(monkeypatch, home, 'members = ["a"]  # a role that changed').role_of({"sub": "a"}) == "member"


# ---------------------------------------------------------------- invitations


def test_an_invitation_holds_until_its_end(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    token = invitations.make(2, "the other lab")
    assert (known := invitations.read(token)) is not None and known[2] == "the other lab"
    assert (home / "invitations.secret").stat().st_mode & 0o077 == 0
    now = time.time()
    monkeypatch.setattr(invitations.time, "time", lambda: now + 2 * 86_400 + 2)
    assert invitations.read(token) is None


def test_invitations_end_with_their_secret(home: Path) -> None:
    token = invitations.make(1)
    invitations.end_all()
    assert invitations.read(token) is None and invitations.read(invitations.make(1)) is not None


def test_a_token_that_was_touched_is_none(home: Path) -> None:
    token = invitations.make(1)
    for at in range(0, len(token), 7):
        touched = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        assert invitations.read(touched) is None
    for days in (0, -1, float("nan"), 1e9):
        with pytest.raises(BadInput):
            invitations.make(days)


@given(st.text(max_size=600))
def test_no_other_text_is_an_invitation(text: str) -> None:
    assert invitations.read(text) is None


# ---------------------------------------------------------------- what is theirs


def test_members_change_their_own_fusions_alone(home: Path) -> None:
    spec, other = FusionSpec("mix", "concat", ("a", "b")), FusionSpec("of the house", "concat", ("a", "b"))
    store.save(other)
    with access.acting(MEMBER):
        store.save(spec)
        store.save(spec)
        assert store.author("mix") == "Ann" and store.is_mine("mix") and not store.is_mine("of the house")
    with access.acting(OTHER):
        for attempt in (lambda: store.save(spec), lambda: store.remove("mix"), lambda: store.remove("of the house")):
            with pytest.raises(NotAllowed, match="somebody else"):
                attempt()
    with access.acting(GUEST):
        assert not store.is_mine("new")
    store.remove("mix")
    assert store.author("mix") == "" and set(store.saved()[0]) == {"of the house"}


def test_members_change_their_own_stories_alone(home: Path) -> None:
    story = Story("ours", ())
    stories.save(story)
    with access.acting(MEMBER):
        stories.change("hers", lambda story: story)
        stories.change("hers", lambda story: story)
        assert stories.author("hers") == "Ann" and stories.is_mine("hers") and not stories.is_mine("ours")
    with access.acting(OTHER):
        for attempt in (lambda: stories.save(story), lambda: stories.remove("hers")):
            with pytest.raises(NotAllowed, match="somebody else"):
                attempt()
    with access.acting(GUEST), pytest.raises(NotAllowed, match="Members"):
        stories.save(Story("new", ()))
    assert set(stories.saved()[0]) == {"ours", "hers"}


def test_members_judge_under_their_own_name(home: Path) -> None:
    log = AnswerLog(home / "judgements")
    with access.acting(MEMBER):
        log.keep([Answer("Ann", "s", "q", ("a", "b"), (1.0, 0.0))])
        with pytest.raises(NotAllowed, match="your account"):
            log.keep([Answer("Bo", "s", "q", ("a", "b"), (1.0, 0.0))])
    assert log.judges() == ("Ann",)


def test_a_story_of_a_private_dataset_is_not_there_for_others(tmp_path: Path, home: Path) -> None:
    data.add("secret", write_tiny(tmp_path / "secret", 2))
    for name, link in (("open", "d=photo_views"), ("hidden", "d=secret&k=5"), ("odd", "d=../\x00")):
        stories.save(Story(name, (StoryStep("map"), StoryStep("leaderboard", link))))
    data.set_private("secret", True)
    assert set(stories.saved()[0]) == {"open", "hidden", "odd"}
    for visitor in (GUEST, MEMBER, access.NOBODY):
        with access.acting(visitor):
            assert set(stories.saved()[0]) == {"open"}
            with pytest.raises(UnknownName) as absent:
                stories.load("hidden")
            assert str(absent.value).endswith("There are: open.")
    data.set_private("secret", False)
    with access.acting(GUEST):
        assert "hidden" in stories.saved()[0]


def test_a_private_dataset_is_not_there_for_others(tmp_path: Path, home: Path) -> None:
    shown = data.add("shown", write_tiny(tmp_path / "shown", 2))
    secret = data.add("secret", write_tiny(tmp_path / "secret", 3))
    data.set_private("secret", True)
    both, only = shown.keys[0].decode(), next(k.decode() for k in secret.keys if k not in set(shown.keys))
    assert "secret" in data.names() and data.get("secret")
    for visitor in (GUEST, MEMBER, access.NOBODY):
        with access.acting(visitor):
            assert "secret" not in data.names() and "shown" in data.names() and not saved.is_saved("secret")
            for attempt in (data.get, data.load, data.whole, data.visible, data.options_of):
                with pytest.raises(UnknownName) as error:
                    attempt("secret")
                assert "secret'" not in str(error.value).replace("named 'secret'", "")
    assert data.is_hidden(only) and not data.is_hidden(both)
    data.set_private("secret", False)
    assert not data.is_hidden(only)
    with pytest.raises(BadInput, match="built in"):
        data.set_private("demo_catalogue", True)


# ---------------------------------------------------------------- what of the disk is read


def test_devices_pipes_and_the_system_are_never_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/proc/self/environ")
    for path in ("/dev/zero", "/proc/self/environ", "/proc", "/sys/kernel", tmp_path / "pipe", tmp_path / "link"):
        with pytest.raises(NotAllowed):
            reach.require(path)
        with pytest.raises(CoreError):
            data.add("x", path)
    assert reach.allowed(tmp_path) and reach.allowed(tmp_path / "not there") and reach.allowed("/dev/shm")


def test_a_server_reads_its_folders_and_no_link_leads_out(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, outside = write_tiny(tmp_path / "in" / "tiny", 2), write_tiny(tmp_path / "out", 2)
    (inside / "circle" / "leads out.png").symlink_to(outside / "circle" / "circle_01.png")
    (inside / "far").symlink_to(outside / "cross")
    (inside / "near").symlink_to(inside / "cross" / "cross_00.png")
    draw_tiny("circle", 7).save(outside / "alone.png")
    (inside / "list.csv").write_text(f"path,label\n{outside / 'alone.png'},x\ncross/cross_00.png,y\n")
    monkeypatch.setenv("FUSIONSCOPE_ACCESS", "members")
    monkeypatch.setenv("FUSIONSCOPE_ROOTS", str(tmp_path / "in"))
    access.ask_with(lambda: access.OWNER)
    for path in (outside, inside / "far", inside / ".." / ".." / "out", "/etc"):
        with pytest.raises(NotAllowed, match="lies outside"):
            data.add("x", path)
    dataset = data.add("tiny", inside, reader="folder")
    reasons = dict(zip(dataset.quarantine["path"], dataset.quarantine["reason"]))
    assert len(dataset) == 13 and sum("leads out" in reason for reason in reasons.values()) == 2
    listed = data.add("listed", inside / "list.csv", options={"missing": "quarantine"})
    assert len(listed) == 1 and "outside" in listed.quarantine["reason"].iloc[0]
    access.ask_with(None)  # the command line reads what its user may read
    assert len(data.add("out", outside)) == 13


def test_the_signature_of_a_gated_function_is_its_own() -> None:
    assert list(inspect.signature(data.add).parameters)[:2] == ["name", "source"]
