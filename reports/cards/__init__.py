"""Model cards: what is known of a version on one page, as Markdown and as HTML."""
