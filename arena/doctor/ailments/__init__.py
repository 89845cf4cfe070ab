"""The ailments, one file each; a new file here is found. Thresholds were set on seeds 0 and 1 of `python -m benchmarks.doctor`."""
