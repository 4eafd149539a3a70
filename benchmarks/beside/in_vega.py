"""The page in Vega-Lite alone: every value of w in one table that the page brings along, and a filter on the slider.

    python -m benchmarks.beside.in_vega PORT

It is written once, by an environment that has the page's own requirements: Vega comes with vl-convert.
"""

import http.server
import json
import sys

import vl_convert

from benchmarks.beside.gradients import AXIS, FUNCTIONS, HEIGHT, LAGS, SLIDER, START, TITLE, WIDTH, W, log10_gradients

PAGE = """<!DOCTYPE html>
<meta charset="utf-8">
<title>Vega</title>
<style>
  body {{ display: flex; gap: 2rem; }}
  #slider {{ width: {width}px; }}
  #slider input {{ width: 100%; }}
</style>
<div id="slider"></div>
<div id="charts"></div>
<script>{vega}</script>
<script>vegaEmbed("#charts", {drawing}, {{ actions: false }});</script>
"""


def _table() -> list[dict]:
    rows = []
    for place, w in enumerate(W):
        columns = log10_gradients(w)
        rows += [{"place": place, "lag": lag, **{name: columns[name][lag] for name in columns}} for lag in LAGS]
    return rows


def _drawing() -> dict:
    charts = [
        {
            "title": name,
            "width": WIDTH - 60,
            "height": HEIGHT - 60,
            "mark": "line",
            "encoding": {
                "x": {"field": "lag", "type": "quantitative"},
                "y": {"field": name, "type": "quantitative", "title": AXIS},
            },
        }
        for name in FUNCTIONS
    ]
    bound = {"input": "range", "min": 0, "max": len(W) - 1, "step": 1, "name": TITLE, "element": "#slider"}
    return {
        "data": {"values": _table()},
        "params": [{"name": "place", "value": START, "bind": bound}],
        "transform": [{"filter": "datum.place == place"}],
        "vconcat": charts,
    }


def _page() -> bytes:
    vega = vl_convert.javascript_bundle().replace("</script", "<\\/script")
    return PAGE.format(width=SLIDER, vega=vega, drawing=json.dumps(_drawing())).encode()


class _Handler(http.server.BaseHTTPRequestHandler):
    whole = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(self.whole)))
        self.end_headers()
        self.wfile.write(self.whole)

    def log_message(self, *arguments: object) -> None:
        pass


if __name__ == "__main__":
    _Handler.whole = _page()
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), _Handler).serve_forever()
