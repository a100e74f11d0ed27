"""`der migrate`: brings the tables of the cloud store on PostgreSQL to what this version knows, and makes logins."""

import argparse
import os
import time

from shared.ports.errors import UnavailableError
from shared.ports.store_schema import StoreSchema
from shared.runtime.cli import UsageError, positive
from shared.runtime.command import Command
from shared.runtime.resources import Resources

EXAMPLES = """\
  DER_CLOUD_STORE_URL=postgresql://OWNER:PASSWORD@HOST:5432/DATABASE {program}
                                                     apply what is missing; nothing to do is no error
  {program} --status                                 what is there and what is missing
  {program} --print > store.sql                      all of it as SQL, for a console such as Supabase's SQL editor
  DER_PASSWORD_SYNC=... {program} --login sync=der_sync
                                                     a login that can only add, its password from the environment"""

_PAUSE_SECONDS = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--status", action="store_true", help="say what is there, change nothing")
    what.add_argument("--print", action="store_true", help="print the SQL, ask no server")
    what.add_argument(
        "--login",
        action="append",
        default=[],
        metavar="NAME=ROLE",
        help="afterwards make a login with the password in DER_PASSWORD_NAME; ROLE is der_service, der_sync or der_reader; may be repeated",
    )
    parser.add_argument(
        "--wait", type=positive(float), default=60.0, metavar="S", help="seconds to wait for a server that is starting (default 60)"
    )


def execute(options: argparse.Namespace, resources: Resources) -> int:
    if options.print:
        print(resources.store_script(), end="")
        return 0
    schema = resources.store_schema
    logins = [_login(text) for text in options.login]
    if options.status:
        for step in schema.status():
            print(f"{step.name}  {'applied' if step.applied else 'missing'}")
        return 0
    _wait_for(schema, options.wait)
    done = 0
    for step in schema.migrate():
        print(f"applied {step.name}", flush=True)
        done += 1
    if not done:
        print("nothing to apply: the cloud store has every table of this version")
    for name, role, password in logins:
        schema.allow_login(name, role=role, password=password)
        print(f"login {name} may do what {role} may")
    return 0


def _wait_for(schema: StoreSchema, seconds: float) -> None:
    """Until the server answers, at most so long; says once that it waits. Raises `UnavailableError`."""
    end = time.monotonic() + seconds
    waiting = False
    while True:
        try:
            schema.status()
        except UnavailableError as problem:
            if time.monotonic() > end:
                raise
            if not waiting:
                print(f"waiting up to {seconds:g} s: {problem}", flush=True)
            waiting = True
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def _login(text: str) -> tuple[str, str, str]:
    """Name, role and password. Raises `UsageError`."""
    name, equals, role = text.partition("=")
    if not (name and equals and role):
        raise UsageError(f"--login is {text!r}: write NAME=ROLE, for example sync=der_sync")
    variable = f"DER_PASSWORD_{''.join(c if c.isalnum() else '_' for c in name).upper()}"
    password = os.environ.get(variable)
    if not password:
        raise UsageError(f"{variable} is not set: set it to the password of login {name!r}")
    return name, role, password


MIGRATE = Command(
    name="migrate",
    summary="Make or upgrade the tables of the cloud store on PostgreSQL, and its logins.",
    examples=EXAMPLES,
    add_arguments=add_arguments,
    execute=execute,
)
COMMANDS: tuple[Command, ...] = (MIGRATE,)
