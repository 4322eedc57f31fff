"""Why a step was not met, or not as it should be: one file per family of causes (DESIGN 5)."""
