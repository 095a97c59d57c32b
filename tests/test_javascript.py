"""JavaScript modules in one text: order, scopes, what is refused, and that a browser runs them as modules."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.javascript import UnsupportedModule, bundle
from tests.browser import ROOT, chromium, tab  # noqa: F401  fixtures

COMPONENTS = sorted((ROOT / "core").rglob("*.js"))
STARTED = {"report_page.js", "worker.js", "present.js", "notes.js"}
"""What a page or a file starts by itself: a report, its worker, the presenter."""
ENTRIES = [path for path in COMPONENTS if "export default" in path.read_text(encoding="utf-8") or path.name in STARTED]


def write(folder: Path, **modules: str) -> Path:
    """Modules by name; the folder's main.js is given back."""
    for name, text in modules.items():
        file = folder / f"{name.replace('__', '/')}.js"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return folder / "main.js"


WORLD = {
    "main": 'import { area, Square as Box } from "./shapes.js";\nimport { twice } from "./lib/numbers.js";\n'
    "const secret = 1;\nexport default () => [area(new Box(3)), twice(4), secret];\n",
    "shapes": 'import {\n  twice,\n  COUNT,\n} from "./lib/numbers.js";\nconst secret = 2;\n'
    "export class Square { constructor(side) { this.side = side; } }\n"
    "export function area({ side }) { return side * side + twice(secret) + COUNT.value; }",
    "lib__numbers": "const secret = 100;\nexport const COUNT = { value: 0 };\nCOUNT.value += secret;\n"
    "export async function unused() {}\nexport function twice(number) { return 2 * number; } // ends in a comment",
}


def test_a_module_without_imports_stays_as_it_is(tmp_path: Path) -> None:
    text = "// alone\nexport default (component) => component;\n"
    assert bundle(write(tmp_path, main=text)) == text


def test_each_module_comes_once_and_after_those_it_needs(tmp_path: Path) -> None:
    text = bundle(write(tmp_path, **WORLD))
    marks = [text.index(f"=> {{ // {name}") for name in ("numbers.js", "shapes.js")]
    assert marks == sorted(marks) and text.count("// numbers.js") == 1
    assert "import" not in text and text.count("export") == 1
    assert "const { area, Square: Box } = $module1;" in text


@pytest.mark.browser
def test_a_browser_runs_a_bundle_as_its_modules(tab, tmp_path: Path) -> None:  # noqa: F811
    result = tab.evaluate(
        "async (text) => (await import(URL.createObjectURL(new Blob([text], { type: 'text/javascript' })))).default()",
        bundle(write(tmp_path, **WORLD)),
    )
    assert result == [9 + 2 * 2 + 100, 8, 1]


def test_a_bundle_follows_its_files(tmp_path: Path) -> None:
    main = write(tmp_path, **WORLD)
    before = bundle(main)
    assert bundle(main) is before, "nothing changed, so nothing is read again"
    write(tmp_path, lib__numbers=WORLD["lib__numbers"].replace("100", "70000"))
    assert "70000" in bundle(main)
    (tmp_path / "shapes.js").unlink()
    with pytest.raises(UnsupportedModule, match=r"no module .*shapes\.js"):
        bundle(main)


@pytest.mark.parametrize(
    "statement, sentence",
    [
        ("import shapes from './shapes.js';", "cannot be bundled"),
        ("import { area } from './shapes.js';", "cannot be bundled"),
        ('import { area } from "shapes";', "cannot be bundled"),
        ('import * as shapes from "./shapes.js";', "cannot be bundled"),
        ('import "./shapes.js";', "cannot be bundled"),
        ('const later = () => import("./shapes.js");', "cannot be bundled"),
        ("const here = import.meta.url;", "cannot be bundled"),
        ("export let changing = 1;", "cannot be bundled"),
        ("export const { a, b } = {};", "cannot be bundled"),
        ("export { area };", "cannot be bundled"),
        ('export * from "./shapes.js";', "cannot be bundled"),
        ('import { round } from "./shapes.js";', "imports 'round', but shapes.js exports Square, area"),
        ('import { area as } from "./shapes.js";', "imports 'area as', but"),
        ('import { area } from "./shape.js";', r"no module .*shape\.js"),
        ("const end = '</script>';", "ends a script"),
    ],
)
def test_what_is_not_understood_is_refused(tmp_path: Path, statement: str, sentence: str) -> None:
    main = write(tmp_path, **{**WORLD, "main": f"{statement}\nexport default () => 1;\n"})
    with pytest.raises(UnsupportedModule, match=sentence):
        bundle(main)


def test_modules_that_import_each_other_are_refused(tmp_path: Path) -> None:
    one = 'import { two } from "./two.js";\nexport const one = 1;\n'
    two = 'import { one } from "./one.js";\nexport const two = 2;\n'
    main = write(tmp_path, main='import { one } from "./one.js";\nexport default one;\n', one=one, two=two)
    with pytest.raises(UnsupportedModule, match=r"one\.js → two\.js → one\.js"):
        bundle(main)


def test_only_the_entry_has_a_default(tmp_path: Path) -> None:
    main = write(tmp_path, main='import { a } from "./other.js";\n', other="export const a = 1;\nexport default a;\n")
    with pytest.raises(UnsupportedModule, match="entry module"):
        bundle(main)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda path: path.name)
def test_every_component_can_be_bundled(entry: Path) -> None:
    """A component gives one default function; the scripts of a report run by themselves."""
    assert bundle(entry).count("export default") == int(entry.name not in STARTED)


def test_no_module_of_a_component_is_left_out() -> None:
    texts = "".join(map(bundle, ENTRIES))
    unused = [path.name for path in COMPONENTS if path not in ENTRIES and f"// {path.name}\n" not in texts]
    assert len(ENTRIES) >= 6 and not unused


@pytest.mark.parametrize("path", COMPONENTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_lines_of_a_module_are_short(path: Path) -> None:
    wide = [line for line in path.read_text(encoding="utf-8").splitlines() if len(line) > 120]
    assert not wide
