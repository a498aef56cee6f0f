"""What a test that uses Meter is linked with."""

METER_LINKOPTS = [
    "-Wl,--wrap=_ZN5kioto4base8internal12AllocateSlowEm",
    "-Wl,--wrap=_ZN5kioto4base8internal8FreeSlowEPvm",
]
