"""Writes an HTML page of labelled pictures, each with its label and a bar of its confidence, that opens from disk."""

import base64
import html
import mimetypes
from pathlib import Path

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
body {{ font: 15px/1.4 system-ui, sans-serif; margin: 2rem; color: #222; background: #fafafa }}
main {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); gap: 1rem }}
figure {{ margin: 0; background: #fff; border: 1px solid #ddd; border-radius: 6px; overflow: hidden }}
img {{ width: 100%; height: 160px; object-fit: cover; display: block }}
figcaption {{ padding: .5rem .7rem }}
.bar {{ height: 6px; background: #eee; border-radius: 3px; margin: .3rem 0 }}
.bar div {{ height: 100%; border-radius: 3px; background: #2a7 }}
.review .bar div {{ background: #d90 }}
small {{ color: #777; overflow-wrap: anywhere }}
.wrong strong {{ color: #b22 }}
</style>
<h1>{title}</h1>
<p>{summary}</p>
<main>
{figures}
</main>
</html>
"""


def figure(record):
    """One picture. The page holds it whole, so that it can be moved and needs no server."""
    path = Path(record["image"])
    name = html.escape(path.name)
    if "error" in record:
        return f'<figure class="review"><figcaption><strong>not read</strong><br><small>{html.escape(record["error"])}</small></figcaption></figure>'
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    gold = record.get("gold")
    known = f" (known: {html.escape(gold)})" if gold and gold != record["label"] else ""
    classes = record["route"] + (" wrong" if known else "")
    behind = ", ".join(html.escape(label) for label in list(record.get("explanation", {}))[:3])
    return (
        f'<figure class="{classes}"><img src="data:{kind};base64,{data}" alt="{name}" loading="lazy">'
        f'<figcaption><strong>{html.escape(record["label"])}</strong>{known} {100 * record["confidence"]:.0f} %'
        f'<div class="bar"><div style="width: {100 * record["confidence"]:.1f}%"></div></div>'
        f"<small>{name}{': ' + behind if behind else ''}</small></figcaption></figure>"
    )


def write(records, output: Path, title, summary):
    figures = "\n".join(map(figure, records))
    output.write_text(PAGE.format(title=html.escape(title), summary=html.escape(summary), figures=figures), encoding="utf-8")
