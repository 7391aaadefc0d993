"""Any other problem: every stratum's critical points by counting complex solutions, verdicts, the audit."""
