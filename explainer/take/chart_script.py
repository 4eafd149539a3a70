"""Vega, Vega-Lite and vega-embed in one piece of JavaScript, on standard output.

A program of its own, for the converter's engine takes 130 MB: when it ends, the server has them back.
"""

import sys

import vl_convert

if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")
    sys.stdout.write(vl_convert.javascript_bundle())
