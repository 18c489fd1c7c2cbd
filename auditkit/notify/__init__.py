"""Tells others what a log records: webhooks, programs, and streams of entries.

A `Courier` follows the log on behalf of one receiver. Nothing is written twice: what is to be sent
follows from the log's entries, and how far each receiver has got is kept in the log's database
(`auditkit.ledger.store.followers`). So an entry that is durable is sent, whatever dies in between:
at least once, in the order of the log, by one of several processes.

What an entry means to a receiver is the caller's to say: nothing here knows of registries.
"""
