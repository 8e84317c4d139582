"""Reads a page and refuses broken HTML."""

import re
from html.parser import HTMLParser

_VOID = {'meta', 'br', 'img', 'input', 'hr', 'link', 'line', 'circle', 'polyline', 'rect', 'image', 'use'}


class PageReader(HTMLParser):
    """Fails on a tag that is closed in the wrong place or never; collects ids, links and text.

    Args:
        html: The page.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open, self.ids, self.links, self.text = [], [], [], []
        self.feed(html)
        assert self.open == [] and html.startswith('<!DOCTYPE html>')
        assert len(self.ids) == len(set(self.ids))
        for link in self.links:
            assert link.startswith('data:image/') or link.lstrip('#') in self.ids, link
        assert not re.search(r'url\(|@import|<script|<link|<iframe', html)
        # the only address allowed would be an XML name space, and inline SVG needs none
        assert 'http://' not in html and 'https://' not in html

    def handle_starttag(self, tag, attrs):
        if tag not in _VOID:
            self.open.append(tag)
        for key, value in attrs:
            if key == 'id':
                self.ids.append(value)
            if key in ('href', 'src', 'xlink:href', 'action', 'srcset', 'poster'):
                self.links.append(value)

    def handle_startendtag(self, tag, attrs):
        assert tag in _VOID, f'<{tag}/> is no void element'
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f'</{tag}> closes <{self.open[-1:]}>'
        self.open.pop()

    def handle_data(self, data):
        self.text.append(data)
