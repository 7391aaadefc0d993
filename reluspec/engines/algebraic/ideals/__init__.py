"""Polynomial systems over Q: cases, Groebner bases, all real solutions."""
