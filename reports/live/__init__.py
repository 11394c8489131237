"""How the version that serves does on the rows it serves: performance, calibration and outputs of a window."""
