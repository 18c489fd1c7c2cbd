"""Reads PDFs that anybody may have made: signatures, attachments, pages.

`reading` is what others call; it has `parsing` done in a child process, where the PDF libraries
are loaded and nothing else is at hand. `pages` alone may also be called on a PDF of our own.
"""
