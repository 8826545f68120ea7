"""What tests of pages in headless Chromium share: where it is, and what a page is measured by."""

from __future__ import annotations

import shutil

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))),
    None,
)

LOW_CONTRAST = """
() => {
  const parse = c => { const m = c.match(/[\\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m; };
  const over = (top, under) => top.slice(0, 3).map((v, i) => v * top[3] + under[i] * (1 - top[3])).concat(1);
  const background = e => {
    const layers = [];
    for (; e; e = e.parentElement) { layers.push(parse(getComputedStyle(e).backgroundColor)); if (layers.at(-1)[3] === 1) break; }
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255, 1]);
  };
  const light = c => { const [r, g, b] = c.map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
                       return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const bad = [];
  for (const e of document.body.querySelectorAll('*')) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    if (!e.getClientRects().length || e.closest('.skip, .hidden, title')) continue;
    const style = getComputedStyle(e), back = background(e.parentElement && e.closest('svg') ? e.closest('svg').parentElement : e);
    const front = over(parse(e.closest('svg') ? style.fill : style.color), back);
    const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) bad.push([e.tagName, e.className.toString(), e.textContent.slice(0, 30), (a + 0.05) / (b + 0.05)]);
  }
  return bad;
}
"""
"""Texts with less contrast than 4.5 to 1."""

OVERFLOWING = """() => [...document.querySelectorAll('dd, dt, td, th, .n')].filter(
  e => !e.closest('.hidden') && getComputedStyle(e).display !== 'inline' && e.scrollWidth > e.clientWidth + 1
).map(e => e.textContent)"""
"""Elements whose content is wider than they are."""
