"""`der jobs`: what is to be done, who does it, what failed; and another try for what was given up."""

import argparse
import json
from collections.abc import Sequence
from datetime import datetime

from shared.domain.job import JobKind, JobRecord, JobState
from shared.runtime.cli import UsageError, positive
from shared.runtime.command import Command
from shared.runtime.resources import Resources
from shared.runtime.table import print_table

EXAMPLES = """\
  {program}                                 the newest 50 jobs
  {program} --state given_up                what needs a person
  {program} --kind forecast.run --site home --json
  {program} --counts                        how many there are of each kind and state
  {program} retry ID                        do a job again that failed or was given up"""

LINE = 60
"""Letters of an error in the table; JSON has all of it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="retry ID", help="do this job again, at the next rescue of a worker of its kind")
    parser.add_argument("--kind", choices=[*JobKind], help="jobs of this kind alone")
    parser.add_argument("--state", choices=[*JobState], help="in this state alone")
    parser.add_argument("--site", metavar="ID", help="of this site alone")
    parser.add_argument("--limit", type=positive(int), default=50, metavar="N", help="at most so many, newest first (default: 50)")
    parser.add_argument("--counts", action="store_true", help="count them by kind and state instead")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def execute(options: argparse.Namespace, resources: Resources) -> int:
    now = resources.clock.now()
    match options.words:
        case []:
            pass
        case ["retry", job_id]:
            resources.jobs.retry(job_id, now=now)
            print(f"{job_id} is queued again")
            return 0
        case _:
            raise UsageError(f"{' '.join(options.words)!r} is no action: leave it out, or write: retry ID")
    if options.counts:
        _print_counts(resources, as_json=options.json)
        return 0
    found = resources.jobs.list(
        kind=None if options.kind is None else JobKind(options.kind),
        state=None if options.state is None else JobState(options.state),
        site_id=options.site,
        limit=options.limit,
    )
    if options.json:
        print(json.dumps([_document(record) for record in found], indent=1))
    else:
        _print(found, now)
    return 0


def _print(found: Sequence[JobRecord], now: datetime) -> None:
    print_table(
        ("job", "state", "attempts", "owner", "age", "error"),
        [
            (record.job.job_id, record.state, record.attempts, record.owner, now - record.requested_at, (record.error or "")[:LINE])
            for record in found
        ],
    )


def _print_counts(resources: Resources, *, as_json: bool) -> None:
    rows = sorted((kind.value, state.value, count) for (kind, state), count in resources.jobs.counts().items())
    if as_json:
        print(json.dumps([{"kind": kind, "state": state, "jobs": count} for kind, state, count in rows], indent=1))
    else:
        print_table(("kind", "state", "jobs"), rows)


def _document(record: JobRecord) -> dict[str, object]:
    moments = ("requested_at", "due_at", "started_at", "finished_at")
    return {
        "job_id": record.job.job_id,
        "kind": record.job.kind,
        "site_id": record.job.site_id,
        "slot": record.job.slot,
        "state": record.state,
        "attempts": record.attempts,
        "owner": record.owner,
        **{name: moment.isoformat() if (moment := getattr(record, name)) else None for name in moments},
        "error": record.error,
        "result": record.result,
    }


JOBS = Command(
    name="jobs",
    summary="Show the jobs that workers share, and do a failed one again.",
    examples=EXAMPLES,
    add_arguments=add_arguments,
    execute=execute,
)
COMMANDS: tuple[Command, ...] = (JOBS,)
