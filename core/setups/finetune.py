"""The question of the page Fine-tune: which network is adapted, for what, and what moves."""

from __future__ import annotations

from dataclasses import dataclass

from core.setups.fields import choice, real, several, text, whole

MOVES = ("head", "last", "all", "lora")
QUESTIONS = ("known", "new")
HEADS = ("linear", "mlp", "none")


@dataclass(frozen=True)
class FinetuneSetup:
    """A training: the network, what it will be asked for, what moves; 0 is what pays."""

    backbone: str = choice(None, default="", label="Network", short="net")
    question: str = choice(lambda: QUESTIONS, default="known", label="It will be asked for", short="ask")
    moves: str = choice(lambda: MOVES, default="head", label="What moves", short="mv")
    loss: str = choice(None, default="supcon", label="Loss", short="loss")
    head: str = choice(lambda: HEADS, default="linear", label="Head", short="head")
    dim: int = whole(0, 4096, default=0, label="Numbers of the head", short="dim")
    epochs: int = whole(0, 500, default=0, label="Epochs at most", short="ep")
    rate: float = real(0.0, 1.0, default=0.0, step=0.0001, label="Learning rate", short="lr")
    batch: int = whole(0, 4096, default=0, label="Images at once", short="bs")
    seed: int = whole(0, 1_000_000, default=0, label="Seed", short="seed")
    tuned: str = text(default="", longest=80, label="Looked at", short="t")


@dataclass(frozen=True)
class CompeteSetup:
    """A competition run: which networks, what moves in them, how many results a query gets, how slow the pick may be."""

    networks: tuple[str, ...] = several(None, default=(), label="Networks", short="cn")
    moves: str = choice(lambda: MOVES, default="head", label="What moves", short="cm")
    top_k: int = whole(1, 100, default=3, label="Results a query", short="ck")
    budget_ms: int = whole(0, 100_000, default=0, label="ms an image at most", short="cms")
