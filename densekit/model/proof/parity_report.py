"""The outcome of a parity check: every compared tensor, and the first place where two networks part."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from densekit.tables import text_table


@dataclass(frozen=True)
class Row:
    """One compared tensor.

    Args:
        mode: 'eval' or 'train'.
        quantity: 'output' of a module, 'gradient' of a parameter or of the images, or BatchNorm 'statistic'
            after a training step.
        name: of the module, parameter or statistic.
        shape: in the reference.
        difference: max|Δ|; infinite where the shapes differ or one of the two is missing.
        exact: equal to the last bit.
        close: equal up to rounding.
    """

    mode: str
    quantity: str
    name: str
    shape: tuple[int, ...]
    difference: float
    exact: bool
    close: bool


@dataclass(frozen=True)
class Difference:
    """Where two networks part.

    Args:
        mode: 'eval' or 'train'.
        module: the module to look at: its own computation, or its forward, is not the reference's.
        seen_at: where it first shows: the same module, or the one that got a wrong input from it.
        difference: max|Δ| there; infinite where shapes or calls differ.
        explanation: a sentence about it.
    """

    mode: str
    module: str
    seen_at: str
    difference: float
    explanation: str


@dataclass(frozen=True)
class ParityReport:
    """What a comparison of two networks found.

    Args:
        architecture: what was compared.
        image_shape: (N, 3, H, W) of the images.
        tolerance: largest difference that counts as close, as a share of the largest value.
        rows: every compared tensor: outputs in the order in which the reference computes them.
        first_difference: where to look; None if the networks agree.
    """

    architecture: str
    image_shape: tuple[int, ...]
    tolerance: float
    rows: tuple[Row, ...]
    first_difference: Difference | None

    @property
    def agree(self) -> bool:
        """Whether every compared tensor is equal up to rounding."""
        return self.first_difference is None and all(row.close for row in self.rows)

    @property
    def exact(self) -> bool:
        """Whether every compared tensor is equal to the last bit."""
        return self.first_difference is None and all(row.exact for row in self.rows)

    def select(self, mode: str | None = None, quantity: str | None = None) -> tuple[Row, ...]:
        """Return the rows of a mode, of a quantity, or of both."""
        return tuple(
            row for row in self.rows if mode in (None, row.mode) and quantity in (None, row.quantity)
        )

    def summary(self) -> list[dict[str, Any]]:
        """Return one line per mode and quantity: how many were compared, are exact, are close, and max|Δ|."""
        lines = []
        for mode in ("eval", "train"):
            for quantity in ("output", "statistic", "gradient"):
                rows = self.select(mode, quantity)
                if rows:
                    lines.append(
                        {
                            "mode": mode,
                            "quantity": quantity,
                            "compared": len(rows),
                            "exact": sum(row.exact for row in rows),
                            "close": sum(row.close for row in rows),
                            "max_difference": _finite(max(row.difference for row in rows)),
                        }
                    )
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; a difference that is no number (other shapes, NaN) becomes None."""
        values = asdict(self)
        for row in (*values["rows"], *([values["first_difference"]] if self.first_difference else [])):
            row["difference"] = _finite(row["difference"])
        return {"agree": self.agree, "exact": self.exact, "summary": self.summary(), **values}

    def table(self, only_different: bool = False) -> str:
        """Return every row as a line of text, or only those that differ."""
        rows = [row for row in self.rows if not (only_different and row.close)]
        cells = [
            (
                row.mode,
                row.quantity,
                row.name,
                f"{row.difference:.1e}",
                "exact" if row.exact else "close" if row.close else "DIFFERENT",
            )
            for row in rows
        ]
        heading = ("mode", "quantity", "name", "max|Δ|", "verdict")
        return "\n".join(text_table(heading, cells, columns="<<<><"))

    def __str__(self) -> str:
        size = "×".join(map(str, self.image_shape))
        lines = [f"{self.architecture or 'two networks'}, float64, images {size}"]
        for line in self.summary():
            largest = line["max_difference"]
            lines.append(
                f"  {line['mode']:5}  {line['quantity']:9}  {line['compared']:5} compared  "
                f"{line['exact']:5} exact  {line['close']:5} close  max|Δ| "
                + ("not a number" if largest is None else f"{largest:.1e}")
            )
        if self.first_difference:
            lines.append(
                f"first difference, {self.first_difference.mode}: {self.first_difference.explanation}"
            )
        else:
            lines.append("the networks agree" + (" to the last bit" if self.exact else ""))
        return "\n".join(lines)


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
