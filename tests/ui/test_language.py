from __future__ import annotations

import pytest

from recon_cli.ui.language import Language, current


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "en"),
        ({"LANG": "ko_KR.UTF-8"}, "ko"),
        ({"LANG": "ko_KR"}, "ko"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "ko_KR.UTF-8"}, "ko"),
        ({"LANG": "ko_KR.UTF-8", "LC_MESSAGES": "en_US.UTF-8"}, "en"),
        ({"LANG": "ko_KR.UTF-8", "LC_MESSAGES": "ko_KR.UTF-8", "LC_ALL": "en_US.UTF-8"}, "en"),
        ({"LANG": "ko_KR.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "ko_KR.UTF-8", "LC_ALL": ""}, "ko"),
        ({"LANGUAGE": "ko", "LANG": "en_US.UTF-8"}, "ko"),
        ({"LANGUAGE": "de:ko:en", "LANG": "en_US.UTF-8"}, "ko"),
        ({"LANGUAGE": "en:ko", "LANG": "ko_KR.UTF-8"}, "en"),
        ({"LANGUAGE": "ko", "LANG": "C.UTF-8"}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"RECON_LANG": "ko", "LC_ALL": "C"}, "ko"),
        ({"RECON_LANG": "en", "LANG": "ko_KR.UTF-8"}, "en"),
        ({"RECON_LANG": "ko_KR", "LANG": "en_US.UTF-8"}, "ko"),
        ({"RECON_LANG": "", "LANG": "ko_KR.UTF-8"}, "ko"),
    ],
)
def test_the_language_is_what_the_environment_asks_for(environ: dict[str, str], expected: str) -> None:
    assert current(environ) == Language(expected)
