"""A story as one HTML file: its steps in their order, each on a page of its own when it is printed."""

from __future__ import annotations

from core import stories, wording
from core.errors import Cancelled, CoreError
from core.export.report import page_scenes, slices_scene, study_scene  # noqa: F401  (the pages join the table of scenes)
from core.export.report.document import Heading, ImageStrip, Paragraph, Part, Report, Sheet
from core.export.report.scenes import SCENES, SceneView
from core.stories import Story
from core.task import NO_TASK, Task

text = wording.page("story")
summary_text = wording.page("report_summary")


def html(story: Story, *, notes: bool = False, task: Task = NO_TASK) -> str:
    """The file; what it shows is worked out from the links of the steps, as their pages would.

    Args:
        notes: with what the presenter says, where whoever acts may change the story; others never read them.
    """
    strip, notes = ImageStrip(), notes and stories.is_mine(story.name)
    parts: list[Part] = [*sheets(story, strip, notes=notes, task=task), *strip.notes()]
    return Report(story.name, "", counted(story), parts).html()


def counted(story: Story) -> str:
    """How long a story is."""
    pages = len({step.page for step in story.steps})
    return text("sentence.lead", steps=wording.plural(len(story.steps), "step"), pages=wording.plural(pages, "page"))


def section(story: Story, strip: ImageStrip, task: Task = NO_TASK) -> list[Part]:
    """A story within a report: under its name, without notes."""
    heading = Heading(summary_text("phrase.story", story=story.name), is_open=True)
    return [heading, *sheets(story, strip, task=task)]


def sheets(story: Story, strip: ImageStrip, *, notes: bool = False, task: Task = NO_TASK) -> list[Part]:
    """The steps of a story as parts of a document, in their order.

    A step whose dataset or backbones are not here says so in one sentence; the others stand.

    Args:
        strip: embeds the images, as many as fit.
    """
    made: list[Part] = []
    for number, step in enumerate(task.each(text("phrase.writing"), story.steps, "steps"), start=1):
        view = SceneView(step, strip)
        link = f"{step.page}?{step.link}" if step.link else step.page
        made.append(
            Sheet(
                step.title or text("phrase.step", number=number),
                step.sentence,
                _parts(view),
                step.notes if notes else "",
                text("phrase.view", link=link),
            )
        )
    return made


def _parts(view: SceneView) -> list[Part]:
    if view.step.part == "answer" and view.step.sentence:
        return []
    if view.step.page not in SCENES.names:
        return [Paragraph(text("sentence.static"), quiet=True)]
    try:
        return SCENES.get(view.step.page).function(view)
    except Cancelled:
        raise
    except CoreError as error:
        return [Paragraph(text("sentence.not_written", reason=str(error)))]
