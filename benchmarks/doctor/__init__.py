"""The doctor, measured: plant each ailment, see whether the doctor finds it, and play what it prescribes."""
