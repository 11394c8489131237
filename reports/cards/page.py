"""A card as one HTML page: no script, nothing fetched, pictures as data, every text escaped."""

from base64 import b64encode
from html import escape

from driftgate.reports.cards.blocks import Block, Card, Grid, Items, Picture, Section, Words
from driftgate.reports.cards.cleaning import line

STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;color:#222;background:#fff;max-width:68rem;margin:0 auto;padding:1.5rem}"
    "h1{font-size:1.5rem}h2{font-size:1.15rem;margin:2rem 0 .4rem;border-bottom:1px solid #ddd}"
    "table{border-collapse:collapse;width:100%;font-size:.93em}.wide{overflow-x:auto;margin:.8rem 0}"
    "td,th{border-bottom:1px solid #ddd;padding:.3rem .7rem .3rem 0;text-align:left;vertical-align:top;overflow-wrap:anywhere}"
    "img{max-width:100%;height:auto}figure{margin:1rem 0}figcaption{color:#555;font-size:.9em}"
)


def written(card: Card) -> str:
    """The page. It needs no more than inline style and images from data."""
    title = escape(line(card.title))
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n'
        f"<body>\n<h1>{title}</h1>\n{''.join(map(_section, card.sections))}</body>\n</html>\n"
    )


def _section(section: Section) -> str:
    return f"<h2>{escape(line(section.heading))}</h2>\n{''.join(map(_block, section.blocks))}"


def _block(block: Block) -> str:
    match block:
        case Words(text):
            return f"<p>{escape(line(text))}</p>\n"
        case Items(texts):
            return f"<ul>{''.join(f'<li>{escape(line(text))}</li>' for text in texts)}</ul>\n"
        case Grid(heading, rows):
            head, body = _row(heading, "th"), "\n".join(_row(row, "td") for row in rows)
            return f'<div class="wide"><table><thead>{head}</thead><tbody>\n{body}\n</tbody></table></div>\n'
        case Picture(words, png):
            shown, data = escape(line(words)), b64encode(png).decode("ascii")
            return f'<figure><img alt="{shown}" src="data:image/png;base64,{data}"><figcaption>{shown}</figcaption></figure>\n'


def _row(cells: tuple[str, ...], kind: str) -> str:
    return f"<tr>{''.join(f'<{kind}>{escape(line(cell))}</{kind}>' for cell in cells)}</tr>"
