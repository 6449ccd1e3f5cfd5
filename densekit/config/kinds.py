"""What a setting may be: counts, shares and the like, each with its bounds, and the cut of a network."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from densekit.errors import nearest
from densekit.files import unnameable


def plain_number(value: Any) -> Any:
    # YAML reads `yes` and `on` as true, and pydantic would take true for 1.
    if isinstance(value, bool):
        raise ValueError("a number is expected, not true or false")
    # And 1e-3_0, in which a slip of the finger is likelier than a wish, for 1e-30.
    if isinstance(value, str) and "_" in value:
        raise ValueError("a number is expected, and none has an underscore in it")
    return value


def _true_false_or_auto(value: Any) -> Any:
    if isinstance(value, bool) or value == "auto":
        return value
    raise ValueError("expected true, false or auto")


def _is_cut(value: str) -> str:
    # How many blocks a network has is known when it is built; here a cut has to look like one.
    if value in ("classifier", "all") or re.fullmatch(r"denseblock[1-9]\d*", value):
        return value
    known = ("classifier", "denseblock4", "denseblock3", "denseblock2", "denseblock1", "all")
    raise ValueError(f"no such cut; {nearest(value, known)}")


def _no_empty_path(value: Any) -> Any:
    # Path("") is the present folder, which nobody means who leaves a name empty.
    if isinstance(value, str) and not value.strip():
        raise ValueError("name a folder")
    if isinstance(value, str | Path) and "\0" in str(value):
        raise ValueError("no folder's name can hold a zero byte")
    if isinstance(value, str | Path) and (character := unnameable(value)):
        raise ValueError(f"no folder's name can hold {character!r}, which is no whole character")
    return value


# With a roof, since a number with too many digits stops torch far away from where it was written.
Count = Annotated[int, BeforeValidator(plain_number), Field(ge=1, le=10**9)]
Whole = Annotated[int, BeforeValidator(plain_number), Field(ge=0, lt=2**32)]
Share = Annotated[float, BeforeValidator(plain_number), Field(gt=0, lt=1)]
Positive = Annotated[float, BeforeValidator(plain_number), Field(gt=0, le=1e6, allow_inf_nan=False)]
NotNegative = Annotated[float, BeforeValidator(plain_number), Field(ge=0, le=1e6, allow_inf_nan=False)]
Part = Annotated[float, BeforeValidator(plain_number), Field(gt=0, le=1)]
BelowOne = Annotated[float, BeforeValidator(plain_number), Field(ge=0, lt=1)]
Standardise = Annotated[bool | Literal["auto"], BeforeValidator(_true_false_or_auto)]
Cut = Annotated[str, AfterValidator(_is_cut)]
Folder = Annotated[Path, BeforeValidator(_no_empty_path)]
