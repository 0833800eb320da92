"""The words of ``nst batch``: what is painted, passed over and left, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nst_core.batch.folder import BatchTask, FoundTasks, TaskOutcome, failed_outcomes
from nst_core.batch.missed_files import describe_missed, describe_others
from nst_core.cli.progress_output import ProgressReporter, format_duration
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Event, Notice
from nst_core.images.display_name import display_name
from nst_core.job.control_files import ControlFiles
from nst_core.settings import Settings


@dataclass(frozen=True, kw_only=True)
class BatchRequest:
    """A batch to paint: what was found in ``folder``, and what all tasks share.

    The masks of ``control`` may be folders.
    """

    found: FoundTasks
    folder: Path
    output: Path
    styles: Sequence[tuple[str, float]]
    control: ControlFiles
    settings: Settings


class BatchReporter:
    """Counts and reports the outcomes of a batch. Reports each notice only once."""

    def __init__(self, reporter: ProgressReporter, request: BatchRequest) -> None:
        self.reporter = reporter
        self.request = request
        self.outcomes: list[TaskOutcome] = []
        self.painted_elsewhere = 0
        self.reported_notices: set[str] = set()
        self.has_said_waiting = False
        self.sheet: Path | None = None
        found = request.found
        if found.finished:
            self.reporter.say(
                f"{found.finished} of {self._total} results already exist and are skipped. "
                "Use --force to paint them again."
            )
        self.missed = describe_missed(found.contents)
        for sentence in (*self.missed, describe_others(found.contents)):
            if sentence:
                self.reporter.say(sentence)

    @property
    def _total(self) -> int:
        return len(self.request.found.tasks) + self.request.found.finished

    def say_plan(self, count: int, seconds: float) -> None:
        """Say how long the ``count`` pictures to paint will take."""
        about = format_duration(seconds)
        self.reporter.say(f"{count} {'picture' if count == 1 else 'pictures'} to paint: about {about}.")

    def start_task(self, task: BatchTask) -> None:
        """Report that a picture is about to be painted."""
        number = self.request.found.finished + self.painted_elsewhere + len(self.outcomes) + 1
        self.reporter.start_step(f"{task.source.name} ({number} of {self._total})")

    def report(self, event: Event) -> None:
        """Report an event of the current picture."""
        if isinstance(event, Notice):
            if str(event) in self.reported_notices:
                return
            self.reported_notices.add(str(event))
        self.reporter.report(event)

    def report_outcome(self, outcome: TaskOutcome, notices: tuple[str, ...]) -> None:
        """Report a picture that was painted or could not be painted, and the notices about it."""
        for message in notices:
            self.report(Notice("painter", message))
        self.outcomes.append(outcome)
        if outcome.error is not None:
            name, text = display_name(outcome.task.source), str(outcome.error)
            self.reporter.say(text if text.startswith(name) else f"{name}: {text}")
        else:
            self.reporter.say(f"{display_name(outcome.task.target)}: {outcome.seconds:.1f} s")

    def report_painted_elsewhere(self, task: BatchTask) -> None:
        """Report a picture that another run on the same folder has painted, or is painting."""
        self.painted_elsewhere += 1
        self.reporter.say(f"{display_name(task.target)}: painted by another run.")

    def say_waiting(self, tasks: Sequence[BatchTask]) -> None:
        """Say, once, that only pictures are left that another run is painting."""
        if not self.has_said_waiting:
            self.has_said_waiting = True
            names = ", ".join(display_name(task.source.name) for task in tasks)
            self.reporter.say(f"Waiting for another run that is painting {names}.")

    def report_sheet(self, sheet: Path, count: int) -> None:
        """Report the contact sheet, which has ``count`` results."""
        if not count:
            self.reporter.say("There are no results, so there is no contact sheet.")
            return
        self.sheet = sheet
        results = "1 result" if count == 1 else f"{count} results"
        self.reporter.say(f"{display_name(sheet)}: {results} on a contact sheet.")

    def _count_failures(self, failed: int) -> str:
        contents = self.request.found.contents
        unpainted = failed + len(contents.unreadable)
        if not unpainted:
            return "Folders with pictures were not entered."
        sentence = (
            f"{unpainted} of {len(self.outcomes) + len(contents.unreadable)} pictures could not be painted"
        )
        return f"{sentence}, and folders were not entered." if contents.folders else f"{sentence}."

    def finish(self, *, is_default_output: bool) -> None:
        """Report the end of the batch.

        Raises:
            NstError: some pictures could not be painted.
        """
        failed = failed_outcomes(self.outcomes)
        output = display_name(self.request.output)
        if failed or self.missed:
            first_error = failed[0].error if failed else None
            raise NstError(
                first_error.code if first_error else ErrorCode.BAD_IMAGE,
                self._count_failures(len(failed)),
                f"The reasons are given above. The other results are in {output}.",
            )
        painted = [str(outcome.task.target) for outcome in self.outcomes]
        self.reporter.finish(
            f"{output}: painted {len(painted)} {'picture' if len(painted) == 1 else 'pictures'}.",
            {
                "output": str(self.request.output),
                "painted": painted,
                "there_already": self.request.found.finished,
                "painted_elsewhere": self.painted_elsewhere,
                "failed": {},
                "sheet": None if self.sheet is None else str(self.sheet),
            },
            is_news=is_default_output,
        )
