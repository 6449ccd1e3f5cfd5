"""`densekit cache`: what is kept so that it need not be computed again."""

import typer

from densekit.cli.output import Json, group, note, print_json

cache = group("Show or clear what is kept of pictures that went through a network.")


@cache.command()
def show(as_json: Json = False) -> None:
    """List the stores of features, the one that was used last at the end."""
    from densekit.features.cache import limit_in_bytes, stores, stores_folder

    root, limit = stores_folder(), limit_in_bytes()
    found = stores(root)
    total = sum(info.bytes for info in found)
    if as_json:
        rows = [info.to_dict() for info in found]
        print_json({"folder": str(root), "bytes": total, "limit_bytes": limit, "stores": rows})
        return
    for info in found:
        print(f"{info.bytes / 1e6:10.1f} MB  {info.to_dict()['last_used']}  {info.description}")
    print(f"{total / 1e6:10.1f} MB of {limit / 1e9:g} GB in {root}")


@cache.command()
def clear() -> None:
    """Delete all stores of features; they are computed again when they are needed."""
    from densekit.features.cache import clear as delete
    from densekit.features.cache import stores_folder

    root = stores_folder()
    try:
        freed = delete(root)
    except OSError as error:
        note(f"densekit: the cache {root} can't be cleared: {error}")
        raise typer.Exit(2) from None
    print(f"{freed / 1e6:.1f} MB freed in {root}")
