"""The page to compare with: a title, one slider, one line of text."""

import streamlit as st

st.title("Empty")
value = st.slider("value", 0, 1000, 500)
st.write(f"The value is {value}.")
