"""Exact oracles by dynamic programming: yardsticks for small cases, tests and learned policies.

Events of a period come in the textbook order: order, receive, demand. An order of period t with a
lead time of L periods is received in period t + L before its demand.
"""
