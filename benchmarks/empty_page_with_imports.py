"""The same with libraries that the explainer needs: Streamlit collects garbage among them after each run."""

import altair  # noqa: F401
import streamlit as st
import torch  # noqa: F401

st.title("Empty")
value = st.slider("value", 0, 1000, 500)
st.write(f"The value is {value}.")
