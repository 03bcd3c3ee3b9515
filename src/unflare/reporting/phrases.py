"""Every sentence of the report, in one file per language; the keys are the same in each."""

from collections.abc import Iterable
from importlib.resources import files
from typing import Any

import yaml

LANGUAGES = ("en", "zh")
SPACED = {"en"}  # languages that leave a space after a full stop


class Phrases:
    def __init__(self, language: str) -> None:
        text = (files("unflare.reporting") / f"phrases.{language}.yaml").read_text(encoding="utf-8")
        self._phrases: dict[str, dict[str, str]] = yaml.safe_load(text)
        self.language = language

    def __call__(self, group: str, name: str, /, **values: Any) -> str:  # noqa: ANN401 (each phrase takes its own)
        return self._phrases[group][name].format(**values)

    def optional(self, group: str, name: str) -> str:
        """The phrase, or nothing where there is none: a remark that only some cases need."""
        return self._phrases[group].get(name, "")

    def word(self, group: str, identifier: str) -> str:
        """The word for an identifier of the result files; one without a word (say a new method) stands for itself."""
        return self._phrases[group].get(identifier, f"`{identifier}`")

    def joined(self, sentences: Iterable[str]) -> str:
        return (" " if self.language in SPACED else "").join(sentences)

    @property
    def phrases(self) -> set[tuple[str, str]]:
        return {(group, name) for group, names in self._phrases.items() for name in names}
