from hypothesis import settings

# A slow machine is no failure: time is measured by the benchmark, never by a test.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
