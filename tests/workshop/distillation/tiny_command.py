"""`python -m workshop.distillation` with the tiny teacher and the tiny student of the tests."""

import json
import sys
import tempfile
from functools import partial
from pathlib import Path

from tiny_distillation import TINY, TinyTeacher

from workshop.distillation import __main__ as command
from workshop.distillation.session import Plan

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        student = Path(folder, "tiny.json")
        student.write_text(json.dumps(TINY))
        command.Plan = partial(Plan, architecture=str(student), make_teacher=TinyTeacher)  # type: ignore[misc,assignment]
        sys.exit(command.main())
