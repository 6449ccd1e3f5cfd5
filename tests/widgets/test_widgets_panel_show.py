"""What the panel says of an error: what went wrong, and how to go on."""

import errno

from densekit.errors import DataError
from densekit.widgets.panel_show import message


def test_a_full_disk_is_said_as_the_system_says_it_with_the_way_to_go_on():
    error = OSError(errno.ENOSPC, "No space left on device")
    error.add_note("continue with `densekit train --resume runs/ants-1`")
    told = message(error)
    assert "No space left on device" in told
    assert "densekit train --resume runs/ants-1" in told
    assert "did not expect" not in told


def test_what_nobody_expected_is_called_so_and_a_message_of_ours_is_not():
    assert "something happened that densekit did not expect: KeyError" in message(KeyError("x"))
    assert "did not expect" not in message(DataError("no such folder"))
