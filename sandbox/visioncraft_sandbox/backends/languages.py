"""The languages of Whisper: servers name them in words, VisionCraft by their ISO 639-1 codes."""

from __future__ import annotations

# From Whisper's own table; a name of several words is written with underscores.
_TABLE = """
en english zh chinese de german es spanish ru russian ko korean fr french ja japanese
pt portuguese tr turkish pl polish ca catalan nl dutch ar arabic sv swedish it italian
id indonesian hi hindi fi finnish vi vietnamese he hebrew uk ukrainian el greek ms malay
cs czech ro romanian da danish hu hungarian ta tamil no norwegian th thai ur urdu hr croatian
bg bulgarian lt lithuanian la latin mi maori ml malayalam cy welsh sk slovak te telugu fa persian
lv latvian bn bengali sr serbian az azerbaijani sl slovenian kn kannada et estonian mk macedonian
br breton eu basque is icelandic hy armenian ne nepali mn mongolian bs bosnian kk kazakh
sq albanian sw swahili gl galician mr marathi pa punjabi si sinhala km khmer sn shona yo yoruba
so somali af afrikaans oc occitan ka georgian be belarusian tg tajik sd sindhi gu gujarati
am amharic yi yiddish lo lao uz uzbek fo faroese ht haitian_creole ps pashto tk turkmen
nn nynorsk mt maltese sa sanskrit lb luxembourgish my myanmar bo tibetan tl tagalog mg malagasy
as assamese tt tatar haw hawaiian ln lingala ha hausa ba bashkir jw javanese su sundanese
yue cantonese
"""
_WORDS = _TABLE.split()
_CODES = dict(zip(_WORDS[1::2], _WORDS[::2], strict=True))


def language_code(name: str | None) -> str | None:
    """The code for a language's name; a code, or a name that Whisper does not know, stays.

    ```python
    from visioncraft_sandbox.backends.languages import language_code

    assert language_code("german") == language_code("de") == "de"
    ```
    """
    if not name:
        return None
    plain = name.strip().lower().replace(" ", "_")
    return _CODES.get(plain, plain)
