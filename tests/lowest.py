"""Print the lines of constraints.txt for the packages that are named: those that keep their tested versions.

Where only one build of a large package is at hand (torch without CUDA, say), `make lowest KEEP=torch` keeps it.
"""

import sys
from pathlib import Path

CONSTRAINTS = Path(__file__).parent.parent / "constraints.txt"

if __name__ == "__main__":
    for line in CONSTRAINTS.read_text(encoding="utf-8").splitlines():
        if line.partition("==")[0] in sys.argv[1:]:
            print(line)
