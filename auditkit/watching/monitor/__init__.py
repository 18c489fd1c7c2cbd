"""Watches one model over time: what came in, what it was judged, who was told, what was done.

Everything that happened is an entry of the log (`facts`). The monitor's state is a fold over these
entries and nothing else (`state`); what is to be done next follows from state, settings and time
(`plan`). So a monitor that was killed goes on where its log ends.
"""
