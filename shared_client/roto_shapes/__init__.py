"""Animated roto shapes: values, curve mathematics and text formats, standard library only.

Every position is in continuous plate pixels of the display window at full resolution: origin at the top-left
corner of the top-left pixel, x right, y down, pixel centres at .5. Points may lie outside the plate. Frames are
whole numbers as the shot counts; ranges hold both their ends.
"""
