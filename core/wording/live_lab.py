"""The words of the live lab as its JavaScript reads them: `core/ui/components/live_lab/words.js` lists their names."""

from __future__ import annotations

from core import wording

text = wording.page("live_lab")


def view_words() -> dict[str, str]:
    """Name → sentence, with single braces where the browser fills something in; a help text ends in "_help".

    >>> view_words()["lock"], view_words()["two_help"]
    ('Lock the weight of {name}', 'Half each for the two backbones that are best alone.')
    """
    plain = text.group("button") | text.group("label") | text.group("phrase") | text.group("sentence")
    helps = {f"{name}_help": sentence for name, sentence in text.group("help").items()}
    words = plain | helps | {"lost": text("error.lost")}
    return {name: sentence.replace("{{", "{").replace("}}", "}") for name, sentence in words.items()}
