"""The ailments, one file each; a new file here is found. Thresholds were set on the seeds 0 to 4 of `python -m benchmarks.doctor`."""
