"""Every text of the pages exists in Korean and in English, and nothing is translated that no page says."""

import ast
import re
from pathlib import Path

import polib
import pytest
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[2]
WITH_CONTEXT = {"pgettext", "pgettext_lazy", "npgettext", "npgettext_lazy"}
GETTEXT = WITH_CONTEXT | {"gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy", "_"}
STRING = r"""u?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
TEMPLATE_CALL = re.compile(rf"\b(?:\w*gettext|_)\(\s*{STRING}(?:\s*,\s*(?:{STRING}|\w+))*\s*\)")

Said = tuple[str, str]  # context, msgid


def said() -> set[Said]:
    """What templates and code say."""
    found: set[Said] = set()
    for template in (ROOT / "templates").rglob("*.html"):
        for call in TEMPLATE_CALL.findall(templatize(template.read_text(), origin=str(template))):
            found |= in_code(call)
    for folder in ("chat", "project"):
        for module in (ROOT / folder).rglob("*.py"):
            found |= in_code(module.read_text())
    return found


def in_code(source: str) -> set[Said]:
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and name_of(node) in GETTEXT]
    return {context_and_msgid(call) for call in calls}


def name_of(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def context_and_msgid(call: ast.Call) -> Said:
    texts = [ast.literal_eval(argument) for argument in call.args[:2]]
    return (texts[0], texts[1]) if name_of(call) in WITH_CONTEXT else ("", texts[0])


def catalogue(language: str) -> polib.POFile:
    return polib.pofile(str(ROOT / "locale" / language / "LC_MESSAGES" / "django.po"))


def translated(entry: polib.POEntry) -> list[str]:
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]


def test_the_reading_of_templates_sees_every_way_to_say_something() -> None:
    source = (
        """{% load i18n %}{% translate "It's one" %}{% translate 'F "j"' context "date" %}"""
        """{% blocktranslate with a=b %}Hi {{ a }}{% endblocktranslate %}{{ _("underscored") }}"""
        """{% blocktranslate count n=b %}{{ n }} x{% plural %}{{ n }} xs{% endblocktranslate %}"""
    )
    found = {each for call in TEMPLATE_CALL.findall(templatize(source)) for each in in_code(call)}
    assert found == {("", "It's one"), ("date", 'F "j"'), ("", "Hi %(a)s"), ("", "underscored"), ("", "%(n)s x")}


@pytest.mark.parametrize("language", ["ko", "en"])
def test_every_text_is_translated_and_no_other(language: str) -> None:
    entries = [entry for entry in catalogue(language) if not entry.obsolete]
    assert {(entry.msgctxt or "", entry.msgid) for entry in entries} == said()


@pytest.mark.parametrize("language", ["ko", "en"])
def test_no_translation_is_empty_fuzzy_or_lacks_a_value(language: str) -> None:
    for entry in catalogue(language):
        assert not entry.fuzzy, entry.msgid
        for text in translated(entry):
            assert text.strip(), entry.msgid
            assert set(re.findall(r"%\(\w+\)s", text)) == set(re.findall(r"%\(\w+\)s", entry.msgid)), entry.msgid


def test_korean_is_korean() -> None:
    for entry in catalogue("ko"):
        assert all(re.search(r"[가-힣]", text) for text in translated(entry)), entry.msgid


@pytest.mark.parametrize("language", ["ko", "en"])
def test_the_compiled_catalogue_is_that_of_its_source(language: str) -> None:
    compiled = polib.mofile(str(ROOT / "locale" / language / "LC_MESSAGES" / "django.mo"))
    assert {(entry.msgctxt, entry.msgid): translated(entry) for entry in compiled} == {
        (entry.msgctxt, entry.msgid): translated(entry) for entry in catalogue(language)
    }
