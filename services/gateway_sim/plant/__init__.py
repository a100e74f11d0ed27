"""The simulated home: weather, sun, battery, loads, car and prices as seeded, vectorised physics.

Every value but the battery's is a function of the seed, the site and the instant alone, so any interval can be made
by itself and equals the cut-out of a longer one. The battery carries a state from step to step.
"""
