"""The operators' page of settings names every setting, with its default, and no other."""

import re

from api.__main__ import ServerSettings
from core.settings import Settings
from deploy.local import home as homes

_ROW = re.compile(r"^\| `PENSTOCK_(\w+)` \| (?:`([^`]*)`|required) \|", re.MULTILINE)


def test_every_setting_is_on_the_page_with_its_default() -> None:
    page = (homes.ROOT / "docs" / "operations" / "settings.md").read_text()
    rows = {name.lower(): default for name, default in _ROW.findall(page)}
    fields = {**Settings.model_fields, **{f"api_{name}": field for name, field in ServerSettings.model_fields.items()}}
    assert set(rows) == set(fields)
    for name, field in fields.items():
        if field.is_required():
            assert rows[name] == "", name
        else:
            default = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
            assert rows[name] in {default, default.removesuffix(".0")}, name
