"""What the tests ask a page in every browser, as JavaScript."""

from __future__ import annotations

# Whether the script has run, a press in a figure has been answered, the page listens, the server has answered for what
# the sliders and the address say, and all is drawn. True when asked for the fourth time in a row: what the last answer
# says has been taken in by then. With an argument that is true, also while a slider or a key is held down, if the page
# has drawn all that by itself, or the server has answered for where the slider is.
SETTLED = """held => {
    const busy = '[data-testid=stSkeleton], [data-testid=stAppSkeleton], [aria-busy=true]';
    const ran = '[data-testid=stApp][data-test-script-state=notRunning]';
    const charts = [...document.querySelectorAll('[data-testid=stVegaLiteChart]')];
    const { listening, swept, awaits } = document.body?.dataset ?? {};
    if (listening && !window.told) {
        addEventListener('explainer-answer', ({ detail }) => { window.told = detail; });
        dispatchEvent(new CustomEvent('explainer-hello'));
    }
    const address = new URLSearchParams(location.search);
    const isInTheAddress = name => address.getAll(name).join() === (told.query[name] ?? []).join();
    const isAnswered = ([key, name]) => {
        const thumb = document.querySelector(`.st-key-${key} [aria-valuetext]`);
        // the second slider of a control follows when the first is let go, and what takes long is asked then
        if (held && (thumb !== document.activeElement || told.slow.includes(name))) return true;
        return !thumb || thumb.getAttribute('aria-valuetext') === told.at[name];
    };
    const isSettled = document.querySelector(ran) && listening && (held || !swept)
        && !awaits
        && Object.keys(told.at).every(isInTheAddress)
        && (held && swept || Object.entries(told.sliders).every(isAnswered))
        && !document.querySelector(busy)
        && charts.every(chart => chart.querySelector('svg.marks, canvas.marks'));
    window.settledFrames = isSettled ? (window.settledFrames ?? 0) + 1 : 0;
    return window.settledFrames > 3;
}"""

# What an SVG chart shows: the outlines of its lines, areas and points, its places and its texts.
DRAWING = """chart => [...chart.querySelectorAll('svg.marks path, svg.marks line, svg.marks text')].map(
    mark => [mark.getAttribute('d'), mark.getAttribute('transform'), mark.textContent].join('|')
)"""

# Puts the server far away: every message of either side takes so many milliseconds. Streamlit listens by ``onmessage``.
FAR_AWAY = """milliseconds => {
    const Near = WebSocket;
    window.WebSocket = class extends Near {
        set onmessage(listener) {
            super.onmessage = (event) => setTimeout(() => listener(event), milliseconds);
        }
        send(message) {
            setTimeout(() => super.send(message), milliseconds);
        }
    };
}"""
