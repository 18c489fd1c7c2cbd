"""Reads untrusted PDFs: signatures, attachments, pages.

Call `reading`. It runs `parsing` in a confined child process, where the PDF libraries are loaded.
Only `pages` may also be called directly, on a PDF of our own.
"""
