"""The command line, `unflare`: one module for each command. What takes long to import is imported inside them."""

import sys

import typer
from typer.exceptions import TyperException

from unflare.commands import clean as cleaning
from unflare.commands import doctor as checkup
from unflare.commands import inspect as inspection
from unflare.commands import score as scoring
from unflare.commands.compare import compare
from unflare.commands.preview import preview
from unflare.commands.report import report
from unflare.commands.reproduce import reproduce
from unflare.runtime.ending import one_sentence

EXAMPLES = """Examples, with the id of a run from `mlflow ui` or models/run.json:

* unflare clean night.h5 -o night.clean.h5: the recording without its flare

* unflare preview night.h5 --against night.clean.h5 -o both.mp4: before and after

* unflare preview night.h5 -o night.mp4: a recording in slow motion

* unflare report RUN_ID -o july: the run's report, from the store alone

* unflare compare: the last ten finished runs

* unflare reproduce RUN_ID: the commands that make the run again

The store is the one in MLFLOW_TRACKING_URI, or mlflow.db in this folder."""

app = typer.Typer(
    help="EventMamba-FX: removes lens flare from event-camera recordings, and proves it.",
    epilog=EXAMPLES,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (cleaning, scoring, inspection, checkup):
    app.command(epilog=module.EXAMPLES)(getattr(module, module.__name__.rpartition(".")[2]))
for command in (preview, report, compare, reproduce):
    app.command()(command)


@app.callback()
def commands() -> None:
    """EventMamba-FX: removes lens flare from event-camera recordings, and proves it."""


def main() -> None:
    """Bad input of any command, options that do not exist included, ends with one sentence and exit code 2."""
    with one_sentence("unflare"):
        try:
            ending = app(standalone_mode=False)
        except (KeyboardInterrupt, typer.Abort):
            sys.exit("unflare: stopped")
        except TyperException as error:
            raise ValueError(" ".join(error.format_message().split())) from error
    sys.exit(ending)
