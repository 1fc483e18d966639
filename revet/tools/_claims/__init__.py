"""What `Claims` and `Citations` have in common: texts taken apart, and values compared exactly. No model."""

__all__: list[str] = []
