"""What a trained network gets right and wrong: the report, and the files it is kept in."""
