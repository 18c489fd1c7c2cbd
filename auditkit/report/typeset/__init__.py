"""From HTML to PDF: fonts, foreign text, PDF/A and PDF/UA."""
