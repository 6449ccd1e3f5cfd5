"""`densekit weights`: list, fetch and verify weights."""

from typing import TYPE_CHECKING, Annotated

import typer

from densekit.cli.output import AnyArchitecture, Architecture, Json, full_name, group, print_json
from densekit.words import shown

if TYPE_CHECKING:
    from densekit.model.inventory import Examined

weights = group("List, fetch and verify weights.")


@weights.command("list")
def weights_list(as_json: Json = False) -> None:
    """List the weights that have a name, and whether they are here."""
    from densekit.model.inventory import known_weights

    known = known_weights()
    if as_json:
        print_json([one.to_dict() for one in known])
        return
    for one in known:
        print(f"{one.name:9} {one.architecture:12} {one.size / 1e6:6.1f} MB  {one.status:12} {one.source}")


@weights.command("fetch")
def weights_fetch(
    architecture: Architecture = "densenet121",
    url: Annotated[str | None, typer.Option(help="Address or path of a copy of the official file.")] = None,
) -> None:
    """Fetch torchvision's ImageNet weights, checked against their hash."""
    from densekit.model.downloads import fetch_imagenet

    print(fetch_imagenet(full_name(architecture), url))


@weights.command("verify")
def weights_verify(
    name: Annotated[str, typer.Argument(help="embedded, imagenet, or a file.")] = "embedded",
    architecture: AnyArchitecture = None,
    as_json: Json = False,
) -> None:
    """Compute the SHA-256 of weights anew and compare it with the published one; or say what a file holds."""
    from densekit.errors import FingerprintError
    from densekit.files import expanded
    from densekit.model.inventory import examine_weights, verify_weights
    from densekit.model.state_dicts import SUFFIXES

    path = expanded(name)
    try:
        if path.suffix in SUFFIXES or path.is_file():
            asked_for = full_name(architecture) if architecture else None
            _tell_examined(examine_weights(path, asked_for), as_json)
            return
        verified = verify_weights(name, full_name(architecture or "densenet121"))
    except FingerprintError as error:
        if as_json:
            print_json({"ok": False, "problem": str(error)})
        else:
            print(error)
        raise typer.Exit(1) from error
    if as_json:
        print_json({"ok": True, **verified.to_dict()})
    else:
        print(f"{verified.path} is '{name}' for {verified.architecture}, as published")


def _tell_examined(examined: "Examined", as_json: bool) -> None:
    if as_json:
        print_json({"ok": True, **examined.to_dict()})
        return
    print(f"{shown(examined.path)}: {' and '.join(examined.fits)}, SHA-256 {examined.sha256}")
    print(f"published as {examined.published}" if examined.published else "not one of the published files")
    print(*examined.told, sep="\n", end="\n" if examined.told else "")
