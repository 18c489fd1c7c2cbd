"""Waivers: signed, limited permissions to deploy although a condition is not met.

`record` is what people sign, and `consideration` judges the files that an audit is given. Which
findings they lift, `auditkit.judgement.waived` says. All of it is pure: files are read above.
"""
