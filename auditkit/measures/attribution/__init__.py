"""Explanations of decisions: attributions, reasons, and how far they can be trusted."""
