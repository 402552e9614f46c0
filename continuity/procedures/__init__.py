"""Observe, decide, act: the order and the decisions of each verb. How a step is carried out is handed in."""
