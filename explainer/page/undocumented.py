"""Everything that the project relies on although Streamlit does not document it.

When a test of a fact fails after an upgrade, its ``otherwise`` says what to do. Each fact has exactly one test, in
``tests/test_undocumented.py`` or ``tests/browser/test_undocumented_in_browsers.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

ANCHOR = "data-anchor"  # the attribute of a heading written as HTML that becomes the heading's id
DATASETS = "datasets"  # the key of a chart's specification that holds Arrow tables by name
VALUE_TEXT = "aria-valuetext"  # the attribute of a slider's thumb that says its value
LAYOUT_WRAPPER = "stLayoutWrapper"  # the test id of the block around a container or a fragment

TEST_IDS = (
    "stApp",
    "stButton",
    "stButtonGroup",
    "stCode",
    "stDialog",
    "stDownloadButton",
    "stElementContainer",
    "stElementToolbar",
    "stExpandSidebarButton",
    "stHeader",
    LAYOUT_WRAPPER,
    "stMain",
    "stMainBlockContainer",
    "stMarkdownContainer",
    "stProgress",
    "stRadio",
    "stRadioOption",
    "stSidebar",
    "stSidebarCollapseButton",
    "stSidebarContent",
    "stSidebarHeader",
    "stSidebarUserContent",
    "stFileUploader",
    "stFileUploaderDropzone",
    "stSkeleton",
    "stSlider",
    "stTooltipIcon",
    "stVegaLiteChart",
    "stVerticalBlock",
)
"""The values of ``data-testid`` that the style sheets, ``page.html`` and the scripts select by."""


@dataclass(frozen=True)
class Fact:
    """One thing that is so in the pinned Streamlit.

    Attributes:
        fact: what is so.
        used_in: the files that rely on it.
        otherwise: what to do when it is no longer so.
    """

    fact: str
    used_in: tuple[str, ...]
    otherwise: str


_PAGE, _BENCHMARKS = "explainer/page", "benchmarks"
_CSS, _DEVICES = f"{_PAGE}/page.css", f"{_PAGE}/devices.css"
_LIVE, _HTML = f"{_PAGE}/live.js", f"{_PAGE}/page.html"
_SWEEP, _PRESS = f"{_PAGE}/sweep.js", f"{_PAGE}/press.js"

FACTS = {
    "test ids": Fact(
        "Every element has a data-testid.",
        (_CSS, f"{_PAGE}/lesson.css", _DEVICES, _LIVE),
        "Look up the element in the browser and put its new name into TEST_IDS and into the files that select by it.",
    ),
    "wrappers": Fact(
        "A container or a fragment within a container stands in a stLayoutWrapper, and that directly in the container.",
        (_CSS, f"{_PAGE}/lesson.css", _DEVICES, f"{_PAGE}/projector.js"),
        "Find the block that is the flex item now: the rules for the status bar and for buttons in a row need it, and "
        "the projector view hides by it what is not the section.",
    ),
    "the header's height": Fact(
        "On a phone Streamlit's header is at most 3.75rem tall.",
        (_DEVICES,),
        "Put the new height into devices.css where the status line sticks below the header.",
    ),
    "a folded sidebar": Fact(
        "The sidebar has data-collapsed, true or false, and folds at the press of its button.",
        (_CSS, _DEVICES),
        "Find how the sidebar says that it is folded: on a phone it comes up from below, by a rule of devices.css.",
    ),
    "anchors": Fact(
        f"A heading written as HTML with {ANCHOR} gets that as its id, and nothing else.",
        (f"{_PAGE}/layout.py", _HTML),
        "Make layout.text two elements, st.header(title, anchor=...) and st.markdown(text); then measure the page.",
    ),
    "a slider's text": Fact(
        f"A slider's thumb has {VALUE_TEXT}, which changes while it is dragged, before the server hears of it.",
        (_LIVE,),
        "Find where the browser has the value while the pointer is down, and read it there in live.js.",
    ),
    "a slider speaks late": Fact(
        "A slider sends its value when the pointer lets go, not before.",
        (_LIVE, f"{_PAGE}/live.py"),
        "If it sends values while it is dragged, live.js need not: drop `moved` from it and from live.py.",
    ),
    "a chart's view": Fact(
        "The elements of a chart's SVG lead to the items of Vega's scene, and these to its view.",
        (_SWEEP, _PRESS),
        "Look for the view in the React fiber of the chart's element. Without it the figures follow by messages alone: "
        "let sweep.js ask for nothing.",
    ),
    "data reaches the view": Fact(
        "Streamlit hands new numbers to the view's data, insert and remove; insert only where it has put nothing yet.",
        (_SWEEP,),
        "Find how they get there: while a slice of a sweep is shown, they have to wait.",
    ),
    "a waiting request": Fact(
        "The context of a run knows whether another message of the same reader waits, or the reader has gone.",
        (f"{_PAGE}/ahead.py",),
        "Leave out _is_overtaken: a sweep then delays its own reader's next move by as long as it takes.",
    ),
    "an entry for each value": Fact(
        "The front end pushes an entry into the browser's history, without the anchor, for each parameter that the "
        "server sets; a step back through the history puts the widgets back.",
        (f"{_PAGE}/address.js",),
        "Press a preset, and look at what history.pushState is called with; leave address.js out if the anchor stays.",
    ),
    "whether the script runs": Fact(
        "The element stApp says in data-test-script-state whether the script is running.",
        (f"{_PAGE}/address.js",),
        "Find where the browser knows it: the address may be mended only when the answer to the last move is there.",
    ),
    "sight first": Fact(
        "What a component says when a slider gets the focus reaches the server before the slider's next value.",
        (_LIVE, f"{_PAGE}/parts.py"),
        "Send the sections in sight with each move, or the whole page answers before what is in sight.",
    ),
    "fragments in order": Fact(
        "st.rerun([...]) runs the fragments in the order of the list.",
        (f"{_PAGE}/parts.py",),
        "The part ANSWER has to run last: have each part tell the browser what it has got.",
    ),
    "a fragment that goes": Fact(
        "A fragment that the one around it does not add again is forgotten; to rerun it is an error.",
        (f"{_PAGE}/parts.py",),
        "Nothing breaks: parts.py may keep the parts that a part no longer adds.",
    ),
    "named datasets": Fact(
        f"Arrow tables under {DATASETS!r} of a specification are sent apart from it, by name.",
        (f"{_PAGE}/figures.py",),
        "Find how to send tables apart from the drawing; otherwise the browser builds every chart anew at each move.",
    ),
    "charts are kept": Fact(
        "Where a chart's specification stays the same, the browser keeps the chart and swaps its data.",
        (f"{_PAGE}/figures.py",),
        "Compare the specifications of two runs, as they are sent. If they are equal, expect slower moves: measure.",
    ),
    "state after a restart": Fact(
        "A browser that comes back to a new server sends what its widgets and components say with its first run.",
        (f"{_PAGE}/live.py", f"{_PAGE}/section.py", f"{_PAGE}/take.py"),
        "Put into the link what must survive a restart; answers and open folds are lost.",
    ),
    "no references": Fact(
        "The hidden option global.minCachedMessageSize is honoured: every message is sent in full.",
        (".streamlit/config.toml",),
        "See whether a browser still gives up with “Cached ForwardMsg MISS” after one step on and one back, pressed in "
        "quick succession. If it does, find how to keep the server from sending references.",
    ),
    "a lost connection": Fact(
        "While the server is away, a dialog with the title “Connection error” says how to start one; it stands right "
        "below the body, and goes when the server is back.",
        (_HTML, _DEVICES, f"{_PAGE}/frame.js"),
        "Find the dialog in the browser and let page.html put its words there: readers have no server to start. In a "
        "frame it has to stand where the reader looks.",
    ),
    "garbage": Fact(
        "The hidden option runner.postScriptGC = false is honoured.",
        (".streamlit/config.toml",),
        "Measure with make bench: a collection of garbage at each run costs about 100 ms.",
    ),
    "a session's messages": Fact(
        "BackMsg, ForwardMsg and the names of a component's triggers are as benchmarks/reader.py speaks them.",
        (f"{_BENCHMARKS}/reader.py", "tests/serving.py", f"{_PAGE}/server.py"),
        "Compare with the messages that a browser sends, and put reader.py right.",
    ),
    "messages that wait": Fact(
        "Messages wait in a session's ForwardMsgQueue, and a run that begins drops those of the fragments that it "
        "was asked for.",
        (f"{_PAGE}/messages.py",),
        "See whether a run that begins still drops what another has said, and find how to keep it. Otherwise a press "
        "in a busy moment leaves holes in the page.",
    ),
    "a run that has ended": Fact(
        "Where a request comes when the thread of a run has just ended, the session begins another thread, and drops "
        "what its loop has not taken yet of the first.",
        (f"{_PAGE}/messages.py",),
        "If Streamlit keeps it now, leave out Session. If the names have changed, find how to let all that a run has "
        "said come before the next one begins. Otherwise a figure stays as it was, after a press in a busy moment.",
    ),
    "files of a run": Fact(
        "A run of the whole page forgets the session's files when it begins, before any callback, by "
        "MediaFileManager.clear_session_refs without an argument.",
        (f"{_PAGE}/files.py",),
        "Press “Back” after a preset, and then “Notebook”. If the file still comes, leave out files.py; otherwise find "
        "what forgets it.",
    ),
    "the test runner's tree": Fact(
        "AppTest has what a run has sent in _tree, where an element that was not sent has no proto, and the components "
        "in _bidi_component_manager.",
        ("tests/reader.py",),
        "Put Reader right: it grafts what a run has sent onto the tree of the run before.",
    ),
    "the document": Fact(
        "The server sends Streamlit's document as it stands, not compressed, and its scripts are modules, which run "
        "when all of it is there.",
        (f"{_PAGE}/server.py",),
        "Put frame.js where it runs before a heading is drawn: Streamlit scrolls to the one that the address names.",
    ),
    "iframe-resizer": Fact(
        "An embedded page speaks the protocol of iframe-resizer.",
        ("examples/course_page.html",),
        "Give the frames of the example, and of README, a fixed height, or post the height from page.html.",
    ),
}
