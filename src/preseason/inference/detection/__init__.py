"""Boxes from a frozen network and the small networks trained on its maps, without torch."""
