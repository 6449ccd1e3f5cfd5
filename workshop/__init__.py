"""How the sample pictures and the embedded weights were made. Not a part of the package that is installed."""
