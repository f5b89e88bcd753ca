"""Gradient flow on all data in double precision, and how well it keeps its charges."""

from symgeom.dynamics.flow.gradient import Flow, gradient_flow
from symgeom.dynamics.flow.plan import FlowPlan

__all__ = ["Flow", "FlowPlan", "gradient_flow"]
