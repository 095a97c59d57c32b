"""The mix that the fusion lab plays with: strategy, its parameters, shares; every change can be taken back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core import wording
from core.errors import CoreError
from core.fusion import FUSIONS, FusionSpec, Step, store
from core.fusion import spec as fusion_files
from core.fusion.strategy import Strategy
from core.setups import FrameSetup, FusionSetup
from core.studies.training import trained_fusions
from core.types import Dataset
from core.ui.app import state
from core.ui.app.cached import cached
from core.ui.widgets import lab_steps, sidebar, weight_shares

strings = wording.page("fusion_lab")

NOW, BASELINE = "this fusion", "baseline"
_SAVED = "saved "
STEP_FIELDS = {"preparation": "prepare", "re-ranking": "rerank"}
"""The two tables of steps → the field of the setup."""


@dataclass(frozen=True)
class FusionSettings:
    """What undo and redo move between, and what a link says: all of it small and comparable."""

    strategy: str
    parameters: str
    shares: tuple[tuple[str, float], ...]
    prepare: str = ""
    rerank: str = ""

    @property
    def as_text(self) -> str:
        """One line: 'concat|norm:zscore|a:0.5,b:0.5', with steps 'concat||a:0.5,b:0.5|centred|k_reciprocal:k1=8'."""
        shares = ",".join(f"{name}:{share:.4f}" for name, share in self.shares)
        steps = (self.prepare, self.rerank) if self.prepare or self.rerank else ()
        return "|".join((self.strategy, self.parameters, shares, *steps))

    @classmethod
    def read(cls, text: str) -> FusionSettings | None:
        """The mix of such a line; None for any other text."""
        kind, bar, rest = text.partition("|")
        parameter_text, second, parts = rest.partition("|")
        if not bar or not second or kind not in FUSIONS or FUSIONS.get(kind).learned:
            return None
        share_text, _, steps = parts.partition("|")
        prepare, _, rerank = steps.partition("|")
        shares = FusionSetup.__dataclass_fields__["shares"].metadata["bounds"].clean(share_text, ())
        return cls(kind, parameter_text, shares, prepare, rerank) if shares else None


def parameters(strategy: Strategy, text: str) -> dict[str, Any]:
    """'depth:50,norm:zscore' → the parameters of a strategy that were set, within their bounds. Never raises.

    >>> parameters(FUSIONS.get("rrf"), "depth:50,k:lots,whiten:1")
    {'depth': 50}
    """
    values = {}
    for part in text.split(","):
        name, _, value = part.partition(":")
        parameter = strategy.parameter(name.strip())
        if parameter is None or not value.strip():
            continue
        cleaned = parameter.bounds.clean(value.strip(), parameter.default)
        if cleaned is not None and cleaned != parameter.default:
            values[parameter.name] = cleaned
    return values


def as_text(values: Mapping[str, Any]) -> str:
    """Parameters as a link holds them; `parameters` reads them back."""
    return ",".join(
        f"{name}:{int(v) if isinstance(v, bool) else v}" for name, v in sorted(values.items()) if v is not None
    )


def kinds() -> list[str]:
    """The strategies that sliders can play with: those that need no training."""
    return [strategy.name for strategy in FUSIONS if not strategy.learned]


def mix() -> FusionSettings:
    """The mix as it stands in the session."""
    kind = state.get(FusionSetup, "strategy")
    kind = kind if kind in kinds() else FusionSetup.strategy
    parameter_text = as_text(parameters(FUSIONS.get(kind), state.get(FusionSetup, "parameters")))
    return FusionSettings(
        kind,
        parameter_text,
        weight_shares.as_pairs(dict(state.get(FusionSetup, "shares"))),
        *(step_text(lab_steps.chosen_step(kind, name)) for kind, name in STEP_FIELDS.items()),
    )


def step_read(kind: str, text: str) -> Step | None:
    """A step of the settings; None for none and for what cannot be read."""
    return lab_steps.step_of(kind, text)


def without_rerank(spec: FusionSpec) -> FusionSpec:
    """The same fusion with its list as retrieved."""
    return dataclasses.replace(spec, rerank=None)


def step_text(step: Step | None) -> str:
    """A step as the settings hold it, "" for none."""
    return "" if step is None else step.text


def lost_strategy() -> str:
    """The strategy of a link or an earlier visit that is not there any more, as when its plug-in was deleted; else ""."""
    strategy = state.get(FusionSetup, "strategy")
    if strategy not in FUSIONS:
        state.session_set("lab lost", strategy)
    elif state.session_get("lab lost", "") in FUSIONS or strategy != FusionSetup.strategy:
        state.session_set("lab lost", "")
    return state.session_get("lab lost", "")


def spec_of(settings: FusionSettings, names: tuple[str, ...], name: str = NOW) -> FusionSpec:
    """The fusion of a mix over these backbones; it remembers which queries its weights were fitted on."""
    strategy = FUSIONS.get(settings.strategy)
    set_ones = tuple(parameters(strategy, settings.parameters).items())
    spec = FusionSpec(name, settings.strategy, names, parameters=set_ones)
    spec = spec.with_shares(weight_shares.fitted(dict(settings.shares), names))
    steps = (
        lab_steps.step_of("preparation", settings.prepare),
        lab_steps.step_of("re-ranking", settings.rerank),
    )
    return fusion_files.FusionSpec(name, spec.kind, names, spec.weights, spec.parameters, (), _trained_on(spec), *steps)


def _rounded(spec: FusionSpec) -> tuple:
    return spec.kind, spec.parameters, tuple((name, round(share, 3)) for name, share in spec.shares.items())


@cached("resource", max_entries=512, ignore=("spec",), also=_rounded)
def _trained_on(spec: FusionSpec) -> tuple[str, ...]:
    """The queries that these weights were fitted on, as far as that was remembered; no vectors are read."""
    return trained_fusions.marked(spec)


def mark_fitted(spec: FusionSpec) -> None:
    """Remember the queries that these weights were fitted on: the lab reports them on the others, after a restart too."""
    if spec.trained_on:
        trained_fusions.mark(spec)
        _trained_on.clear()


def undo_stack() -> weight_shares.UndoStack:
    """What was done to the mix."""
    return weight_shares.UndoStack("lab")


def put(settings: FusionSettings) -> None:
    """This mix from now on, in the widgets and in the link; the one before can be had back."""
    undo_stack().note(state.session_get("lab mix", settings))
    _show(settings)


def _show(settings: FusionSettings) -> None:
    state.set_field(FusionSetup, "strategy", settings.strategy)
    state.set_field(FusionSetup, "parameters", settings.parameters)
    state.set_field(FusionSetup, "shares", settings.shares)
    for field in STEP_FIELDS.values():
        state.set_field(FusionSetup, field, getattr(settings, field))


def step(back: bool) -> None:
    """Undo or redo."""
    now = state.session_get("lab mix", mix())
    settings = undo_stack().undo(now) if back else undo_stack().redo(now)
    if settings is not None:
        _show(settings)


def set_shares(parts: Mapping[str, float]) -> None:
    """New shares."""
    put(dataclasses.replace(mix(), shares=weight_shares.as_pairs(parts)))


def strategy_chosen() -> None:
    """Another strategy: it starts with its own defaults."""
    put(dataclasses.replace(mix(), strategy=state.get(FusionSetup, "strategy"), parameters=""))


def parameter_set(kind: str, name: str) -> None:
    """A parameter's widget was changed."""
    now = mix()
    value = state.widget(f"parameter {kind} {name}")
    values = parameters(FUSIONS.get(kind), now.parameters) | {name: value}
    put(dataclasses.replace(now, strategy=kind, parameters=as_text(parameters(FUSIONS.get(kind), as_text(values)))))


def step_set(kind: str, step: Step | None) -> None:
    """Another preparation or re-ranking, or other parameters of it; None is none."""
    now, chosen = mix(), step_text(step)
    is_before = STEP_FIELDS[kind] == "prepare"
    put(dataclasses.replace(now, prepare=chosen) if is_before else dataclasses.replace(now, rerank=chosen))


def reset(names: tuple[str, ...]) -> None:
    """Everything as at the first visit."""
    put(FusionSettings(FusionSetup.strategy, "", weight_shares.as_pairs(weight_shares.equal(names))))
    state.set_field(FusionSetup, "locked", ())
    state.set_field(FusionSetup, "baseline", "")


def pin(spec: FusionSpec | None) -> None:
    """This fusion becomes the baseline of before and after; None is equal weights again."""
    if spec is None:
        state.set_field(FusionSetup, "baseline", "")
        return
    pinned = _settings_of(spec)
    state.set_field(FusionSetup, "baseline", pinned.as_text)


def pin_saved(name: str) -> None:
    """A saved fusion, trained ones too, becomes the baseline."""
    state.set_field(FusionSetup, "baseline", _SAVED + name)


def baseline(loaded_backbones: tuple[str, ...], embedded: tuple[str, ...]) -> tuple[FusionSpec, str]:
    """The pinned baseline (equal weights, if none is), and what it is in words.

    Args:
        loaded_backbones: the ones chosen.
        embedded: all that the dataset has; a saved fusion may use others than the chosen ones.
    """
    pinned = state.get(FusionSetup, "baseline")
    even = FusionSpec(BASELINE, "concat", loaded_backbones).with_shares(weight_shares.equal(loaded_backbones))
    if pinned.startswith(_SAVED):
        name = pinned[len(_SAVED) :]
        try:
            saved = store.load(name)
        except CoreError:
            return even, strings("phrase.equal_weights_fusion", name=repr(name))
        absent = [backbone for backbone in saved.backbones if backbone not in embedded]
        if absent:
            return even, strings("phrase.equal_weights_needs", name=repr(name), absent=absent[0])
        return saved, f"{name!r}, {saved.strategy.label}"
    wanted = FusionSettings.read(pinned)
    if wanted and set(dict(wanted.shares)) & set(loaded_backbones):
        spec = spec_of(wanted, loaded_backbones, BASELINE)
        return spec, f"pinned: {spec.title}"
    return even, "equal weights, concatenation"


def use(spec: FusionSpec) -> None:
    """Take the strategy, the parameters, the weights and the backbones of a fusion that sliders can play with."""
    state.set_field(FrameSetup, "backbones", spec.backbones)
    mark_fitted(spec)
    put(_settings_of(spec))


def _settings_of(spec: FusionSpec) -> FusionSettings:
    """A fusion as sliders play with it."""
    values = {name: value for name, value in spec.parameters if spec.strategy.parameter(name)}
    shares = weight_shares.as_pairs(spec.shares)
    return FusionSettings(spec.kind, as_text(values), shares, step_text(spec.prepare), step_text(spec.rerank))


def is_even(spec: FusionSpec) -> bool:
    """True when all its backbones count the same in a plain concatenation: what a fresh baseline is."""
    return spec.kind == "concat" and not spec.steps and max(spec.shares.values()) - min(spec.shares.values()) < 1e-6


def selection() -> tuple[Dataset, tuple[str, ...], tuple[str, ...]]:
    """The dataset, the chosen backbones, and all embedded ones."""
    chosen = sidebar.selection()
    return chosen.dataset, chosen.backbones, chosen.embedded
