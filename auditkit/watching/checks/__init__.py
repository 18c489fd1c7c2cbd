"""What a window is compared with its baseline by: one list of questions a check.

A question names its number, and is asked at the level that the policy's number of tests needs.
"""
