"""Many runs of one plan: values, executors, ledger, verdicts; comparisons and maps."""
