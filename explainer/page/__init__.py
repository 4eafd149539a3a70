"""The page: all of Streamlit's churn."""
