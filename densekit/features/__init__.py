"""The frozen part runs once: its outputs, computed once per picture and kept.

extractor   what stands before a cut, as a function from pixels to features
store       features by the hash of their picture, on disk, memory-mapped
cache       all stores together: how large they are, and which one has to go
extraction  pictures, through the extractor, into the store
"""

from densekit.features.extraction import Features, extract_features

__all__ = ["Features", "extract_features"]
