"""Sources whose pictures move: cameras, videos, screens. The one part of ``sources`` that has Qt.

Imported when the first of them is chosen: QtMultimedia costs time and memory that photos do not
need.
"""
