"""Is a critical set made of local minima? First and second order, and what decides ties."""
