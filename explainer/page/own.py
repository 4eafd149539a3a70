"""What a reader brings: files of weights and of inputs, measured in the background and kept in the session alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from explainer import words
from explainer.languages import say, say_counted, word
from explainer.lesson import SECTIONS
from explainer.lesson.parts import Section
from explainer.page import parts
from explainer.page.state import page_state
from explainer.reach import files, weights
from explainer.reach.files import MOST_BYTES, MOST_STEPS, Unusable
from explainer.reach.noise import noise
from explainer.reach.own import Request, layer_names, start
from explainer.reach.weights import Found
from explainer.serving import jobs

WATCH_EVERY = 0.5  # seconds between two looks at a measurement that runs
STEPS, LAG, SCALE = 120, 100, 1.0  # at first
NOISE, FROM_A_FILE = word("Noise"), word("A file")
TANH, RELU = "tanh", "ReLU"

_SAID = "own-said"


def lesson() -> tuple[Section, ...]:
    """The sections as this reader has them: about what the reader has brought, where something was."""
    return tuple(page_state().brought.get(section.slug, section) for section in SECTIONS)


def panel(section: Section) -> None:
    """What a reader can bring to a section, and the measurement of it."""
    is_watched = _runs(section.slug)
    st.fragment(_panel, run_every=WATCH_EVERY if is_watched else None)(section, is_watched)


def _ticket(slug: str) -> jobs.Ticket | None:
    return page_state().work.get(slug, (None, None))[1]


def _runs(slug: str) -> bool:
    status = _status(slug)
    return status is not None and not status.over


def _status(slug: str) -> jobs.Status | None:
    """How the measurement stands; None without one. What could not be measured is said until the next one."""
    ticket = _ticket(slug)
    try:
        return ticket.poll() if ticket else None
    except Unusable as error:
        del page_state().work[slug]
        st.session_state[_SAID] = str(error)
        return None


def _panel(section: Section, is_watched: bool) -> None:
    slug, ticket = section.slug, _ticket(section.slug)
    status = _status(slug)
    if status and status.over:
        del page_state().work[slug]
        if status.value and status.value.own:
            page_state().brought[slug] = section.of_readers_own(status.value.own)
    runs = status is not None and not status.over
    if runs != is_watched:
        parts.rerun_the_page()  # to begin or to end looking again and again, and to draw what was measured
    with st.container(border=True, key=f"own-{slug}"):
        request = _asked()
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                say("Measure this network"),
                icon=":material/straighten:",
                key="own-measure",
                disabled=runs or request is None,
                on_click=_begin,
                args=(slug, request),
            )
            st.button(
                say("Stop"),
                icon=":material/stop:",
                key="own-stop",
                disabled=not runs,
                on_click=ticket.leave if ticket else None,
            )
            st.button(
                say("Back to the example"),
                icon=":material/restart_alt:",
                key="own-example",
                disabled=runs or slug not in page_state().brought,
                on_click=_forget,
                args=(slug,),
            )
        if said := st.session_state.get(_SAID):
            st.error(_plain(said), icon=":material/error:")
        if runs:
            st.progress(status.value.fraction if status.value else 0.0, text=_progress_words(status))


def _begin(slug: str, request: Request) -> None:
    page_state().work[slug] = (request, start(request))
    st.session_state.pop(_SAID, None)
    parts.rerun_the_page()


def _forget(slug: str) -> None:
    page_state().brought.pop(slug, None)
    parts.rerun_the_page()


def _progress_words(status: jobs.Status) -> str:
    if status.state == jobs.WAITING:
        return say_counted(
            "In line: {count} measurement before yours.", "In line: {count} measurements before yours.", status.ahead
        )
    if status.remaining is None:
        return say("Beginning …")
    return say("About {seconds} to go.", seconds=words.seconds(status.remaining))


# --- what is asked for --------------------------------------------------------------------------------------


def _asked() -> Request | None:
    """What the reader's files and choices ask for; None while something is missing, after saying what."""
    st.caption(
        say(
            "Weights as .safetensors, or a state_dict saved by torch.save; at most {most} MB. Links hold no files.",
            most=MOST_BYTES // 1_000_000,
        )
    )
    left, right = st.columns(2, gap="large")
    with left:
        uploaded = st.file_uploader(
            say("Your network's weights"), key="own-after", max_upload_size=MOST_BYTES // 1_000_000
        )
    with right:
        earlier = st.file_uploader(
            say("The same before training (if you have it)"), key="own-before", max_upload_size=MOST_BYTES // 1_000_000
        )
    if uploaded is None:
        return None
    found = _usable(lambda: _network(uploaded, "own-network"))
    if found is None:
        return None
    before = _usable(lambda: _before(earlier, found)) if earlier is not None else None
    if earlier is not None and before is None:
        return None
    return _usable(lambda: _request(uploaded.name, found, earlier.name if earlier else "", before))


def _usable(make: Callable[[], Any]) -> Any:
    """What ``make`` gives; where a file cannot be used, None, and the reader is told what was expected."""
    try:
        return make()
    except Unusable as error:
        st.error(_plain(str(error)), icon=":material/error:")
        return None


def _plain(text: str) -> str:
    """A text that Markdown leaves as it is: it may name what stands in a reader's file."""
    return "".join(f"\\{char}" if char in r"\`*_{}[]()#+!|~<>$:" else char for char in text)


def _network(uploaded: Any, key: str) -> Found:
    """The network in a file that the reader means; if there are several, one is chosen."""
    tensors = files.weights(uploaded.getvalue())
    found = weights.find(tensors)
    chosen = found[0]
    if len(found) > 1:
        names = [one.label for one in found]
        chosen = found[
            st.selectbox(say("Which of the networks in this file?"), range(len(found)), 0, names.__getitem__, key=key)
        ]
    else:
        st.markdown(_plain(say("Found {network}.", network=chosen.label)))
    if not chosen.is_ambiguous:
        return chosen
    kind = st.segmented_control(
        say("Its activation, which the file does not say"), (TANH, RELU), default=TANH, key="own-act"
    )
    return (
        next(one for one in weights.find(tensors, "rnn-relu") if one.prefix == chosen.prefix)
        if kind == RELU
        else chosen
    )


def _before(uploaded: Any, after: Found) -> Found:
    """The same network in the file from before training.

    Raises:
        Unusable: there is none of the same kind and size.
    """
    found = weights.find(files.weights(uploaded.getvalue()), after.cell if after.cell == "rnn-relu" else None)
    shapes = [one.shape for one in after.module.parameters()]
    same = [one for one in found if one.cell == after.cell and [w.shape for w in one.module.parameters()] == shapes]
    if not same:
        raise Unusable(
            say(
                "The file from before training holds no network like {network}; expected is the same one.",
                network=after.label,
            )
        )
    return next((one for one in same if one.prefix == after.prefix), same[0])


def _request(name: str, found: Found, before_name: str, before: Found | None) -> Request:
    layers = layer_names(found.module)
    first, second, third = st.columns(3, gap="large", vertical_alignment="top")
    with first:
        layer = 0
        if len(layers) > 1:
            layer = st.selectbox(say("Layer"), range(len(layers)), 0, layers.__getitem__, key="own-layer")
        kind = st.segmented_control(
            say("Inputs"), (NOISE, FROM_A_FILE), default=NOISE, required=True, format_func=say, key="own-inputs"
        )
    scale, inputs_name = SCALE, ""
    with second:
        if kind == NOISE:
            scale = st.number_input(say("Standard deviation of the noise"), 0.0, 100.0, SCALE, 0.1, key="own-scale")
            length = st.number_input(say("Steps T"), 2, MOST_STEPS, STEPS, 10, key="own-steps")
            inputs = noise(int(length), found.module.input_size, scale, seed=0)
        else:
            label = say(
                ".npy or .csv: one row a step, {numbers} in it",
                numbers=words.counted(found.module.input_size, "number"),
            )
            uploaded = st.file_uploader(label, key="own-inputs-file", max_upload_size=MOST_BYTES // 1_000_000)
            if uploaded is None:
                raise Unusable(say("Bring a file of inputs as well, or choose noise."))
            inputs, inputs_name = files.inputs(uploaded.getvalue(), found.module.input_size), files.shown(uploaded.name)
    if len(inputs) < 2:
        raise Unusable(say("These inputs have one step; expected are at least two, so that there is a lag."))
    with third:
        most = len(inputs) - 1
        lag = st.number_input(say("The lag you want"), 1, most, min(LAG, most), 1, key="own-lag")
    return Request(
        files.shown(name),
        found,
        inputs,
        int(lag),
        files.shown(before_name),
        before,
        inputs_name,
        float(scale),
        int(layer),
    )
