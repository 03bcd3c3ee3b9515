"""The registered model: a version for each pipeline run, and which version is the best."""

import logging
from collections.abc import Mapping

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

log = logging.getLogger(__name__)

MODEL = "eventmamba-fx"
BEST = "best"
SCORE, DATA = "validation.f1", "data.scenes"


def register(client: MlflowClient, run: str, tags: Mapping[str, str], *, sound: bool) -> None:
    """The version of this run, made where it is not there yet, with these tags; then the alias is looked at.

    Raises MlflowException in an outage.
    """
    outputs = client.get_run(run).outputs
    if not outputs or not outputs.model_outputs:
        log.warning("tracking: the run %s has no model in the store, so no version was registered", run)
        return
    _make_known(client)
    model = outputs.model_outputs[-1].model_id
    found = [version for version in client.search_model_versions(f"name = '{MODEL}'") if version.run_id == run]
    made = found or [client.create_model_version(MODEL, f"models:/{model}", run, model_id=model, await_creation_for=0)]
    for key, value in tags.items():
        client.set_model_version_tag(MODEL, made[0].version, key, value)
    _look_at_alias(client, str(made[0].version), tags, sound=sound)


def deserves(ours: Mapping[str, str], theirs: Mapping[str, str] | None) -> bool:
    """Whether a sound version takes the alias from its holder, by the tags of both; from nobody, always.

    It has to be better on the validation scenes. The test scenes must not choose: the best of many test scores is a
    chance high, and the report would then show it as what to expect of new data. Scores on other data do not compare,
    so a version that was validated on other data than the holder takes over, and so it does from a holder without
    these tags, which got the alias by hand.
    """
    return theirs is None or ours[DATA] != theirs.get(DATA) or float(ours[SCORE]) > float(theirs[SCORE])


def _look_at_alias(client: MlflowClient, version: str, tags: Mapping[str, str], *, sound: bool) -> None:
    holder = client.get_registered_model(MODEL).aliases.get(BEST)
    held = client.get_model_version(MODEL, holder).tags if holder else None
    if sound and str(holder) != version and deserves(tags, held):
        client.set_registered_model_alias(MODEL, BEST, version)
    elif not sound and str(holder) == version:  # a later look at the same run found a problem
        client.delete_registered_model_alias(MODEL, BEST)


def _make_known(client: MlflowClient) -> None:
    try:
        client.create_registered_model(MODEL, description="Removes lens flare from event-camera recordings.")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
