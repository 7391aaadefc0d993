"""The setting of theory.md section 4: strata by faces, exclusions by weak duality, the landscape rebuilt."""
