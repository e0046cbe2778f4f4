"""Writes the results: only these three objects, and parts of the first, leave the enclave.

`results.jsonl` is for programs: one record a picture, in the order of the listing. `summary.json`
describes the run. `result` is for people; it is written last, so that it exists only when all other
objects do. All belong to one run: `begin` first deletes the results of an earlier run. That also
checks that results can be written, before the model is requested. `checkpoints` decides which parts
of an earlier run are reused.

If two runs use the same bucket, the run whose `results.jsonl` is there continues: each run
remembers the generation that it wrote, and ends when it finds another one. There is no lock, so no
run waits for a run that was killed.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workload import records
from workload.checkpoints import Checkpoints, bucket_errors_fail_the_run
from workload.errors import Failure, WorkloadError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from workload.checkpoints import Origin, ResultBucket

SCHEMA = "confidential-inference/summary/v2"
RECORDS = "results.jsonl"
SUMMARY = "summary.json"
TEXT = "result"


@dataclass(frozen=True, kw_only=True)
class Summary:
    """How many pictures were classified, and how many failed."""

    classified: int
    failed: int

    def __str__(self) -> str:
        """Both counts, for the log."""
        return f"classified {self.classified}, failed {self.failed}"


class Results:
    """The results of one run; they stay in a private folder until they are complete.

    Every method raises RESULTS_NOT_WRITABLE if the bucket refuses a request.
    """

    def __init__(
        self,
        bucket: ResultBucket,
        folder: Path,
        clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
        *,
        generation: str | None = None,
        on_generation: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`generation` is the one that a dead process wrote; `on_generation` gets each new one."""
        self._bucket = bucket
        self._folder = folder
        self._clock = clock
        self._started = self._classifying_since = clock()
        self._generation = generation
        """The generation of `results.jsonl` that this run wrote last."""
        self._on_generation = on_generation

    def begin(self) -> None:
        """Deletes the results of an earlier run."""
        with bucket_errors_fail_the_run():
            # The text first: if this run ends here, no text stays beside records of another run.
            self._bucket.remove(TEXT)
            self._bucket.remove(SUMMARY)
            self._file(RECORDS).write_text("")
            self._write_records()
            # Before this run wrote its records, another run could still write its results.
            others = {name: self._bucket.generation(name) for name in (TEXT, SUMMARY)}
        self.check_ownership()
        self._remove_generations(others)

    def checkpoints(self, origin: Origin) -> Checkpoints:
        """Starts the checkpoints, and the time for the summary's rate."""
        self._classifying_since = self._clock()
        return Checkpoints(self._bucket, self._folder, origin, self.check_ownership)

    def check_ownership(self) -> None:
        """Raises RESULTS_TAKEN if another run has started in the same bucket."""
        with bucket_errors_fail_the_run():
            current = self._bucket.generation(RECORDS)
            if current is None:  # a person deleted it; a run never does
                self._file(RECORDS).touch()
                self._write_records()
            elif current != self._generation:
                raise WorkloadError(Failure.RESULTS_TAKEN)

    def finish(self, checkpoints: Checkpoints) -> Summary:
        """Writes the results, the text last; then the parts can be deleted."""
        errors = checkpoints.published.complete(self._file(RECORDS), self._file(TEXT))
        classified = errors.pop(None, 0)
        self._file(SUMMARY).write_text(
            json.dumps(self._summary(checkpoints, classified, dict(errors)), sort_keys=True) + "\n"
        )
        self.check_ownership()
        with bucket_errors_fail_the_run():
            self._write_records()
            written = {name: self._upload(name) for name in (SUMMARY, TEXT)}
        try:
            self.check_ownership()
        except WorkloadError:
            self._remove_generations(written)
            raise
        return Summary(classified=classified, failed=errors.total())

    def fail(self, error: Exception) -> None:
        """Writes the failure in place of any results.

        Writes nothing if another run has started: the objects belong to that run.
        """
        if isinstance(error, WorkloadError) and error.failure is Failure.RESULTS_TAKEN:
            return
        self.check_ownership()
        record = records.failure(error)
        self._file(RECORDS).write_text(records.line(record))
        self._file(TEXT).write_text(records.text(record) + "\n")
        with bucket_errors_fail_the_run():
            self._bucket.remove(SUMMARY)
            self._write_records()
            self._upload(TEXT)

    def _summary(
        self, checkpoints: Checkpoints, classified: int, errors: dict[str | None, int]
    ) -> dict[str, Any]:
        finished = self._clock()
        seconds = (finished - self._classifying_since).total_seconds()
        return {
            "schema": SCHEMA,
            "listed": checkpoints.listed,
            "classified": classified,
            "failed": errors,
            "continued": checkpoints.continued,
            "retried": checkpoints.retried,
            "damagedParts": checkpoints.damaged,
            "modelSha256": checkpoints.origin.model_sha256,
            "engine": checkpoints.origin.engine,
            "scores": checkpoints.origin.scores,
            "imageDigest": checkpoints.origin.image_digest,
            "started": _rfc3339(self._started),
            "finished": _rfc3339(finished),
            "picturesPerSecond": round((checkpoints.listed - checkpoints.continued) / seconds, 1)
            if seconds > 0
            else None,
        }

    def _remove_generations(self, generations: Mapping[str, str | None]) -> None:
        """Deletes these generations, but no object that was written later."""
        with bucket_errors_fail_the_run():
            for name, generation in generations.items():
                if generation:
                    self._bucket.remove(name, generation)

    def _file(self, name: str) -> Path:
        return self._folder / name

    def _write_records(self) -> None:
        self._generation = self._upload(RECORDS)
        self._on_generation(self._generation)

    def _upload(self, name: str) -> str:
        return self._bucket.write(name, self._file(name), _TYPES[name])


_TYPES = {
    RECORDS: "application/jsonl",
    SUMMARY: "application/json",
    TEXT: "text/plain; charset=utf-8",
}


def _rfc3339(time: dt.datetime) -> str:
    return time.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
