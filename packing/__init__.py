"""Packs an owner's model: inspects it, exports what inference needs, checks it, and compares."""
