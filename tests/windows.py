"""Pages in a browser: a window that notes what goes wrong in it, and questions to ask a page."""

import contextlib
from pathlib import Path


@contextlib.contextmanager
def opened(browser, path: Path, width: int = 1280, scheme: str = "light"):
    """The page in a window, and what went wrong while it was open."""
    context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
    page, trouble = context.new_page(), []
    page.on("console", lambda message: trouble.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: trouble.append(f"error: {error}"))
    page.on("requestfailed", lambda request: trouble.append(f"failed: {request.url[:100]}"))
    page.on("request", lambda request: request.url.startswith(("file:", "data:")) or trouble.append(request.url))
    try:
        page.goto(path.as_uri())
        yield page
        assert not trouble
    finally:
        context.close()


COLORS = """() => {
  const luminance = (rgb) => rgb.slice(0, 3).map((v) => v / 255)
    .map((v) => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const ground = (e) => { for (; e; e = e.parentElement) {
    const c = numbers(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c; }
    return [255, 255, 255]; };
  const poor = [];
  for (const e of document.querySelectorAll('body *')) {
    const words = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!words || e.closest('defs, title') || e.getClientRects().length === 0) continue;
    const inside = e.closest('svg.chart');
    const ink = numbers(getComputedStyle(e)[inside ? 'fill' : 'color']);
    const [a, b] = [luminance(ink), luminance(ground(inside ? inside.parentElement : e))].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < (e.classList.contains('arrow') ? 3 : 4.5)) poor.push(e.outerHTML.slice(0, 120));
  }
  return poor;
}"""
EMPTY_CHARTS = """() => [...document.querySelectorAll('svg.chart')].filter((chart) =>
  ![...chart.querySelectorAll('.mark')].some((mark) => {
    const box = mark.getBoundingClientRect(), style = getComputedStyle(mark);
    const seen = [style.fill, style.stroke].some((paint) => paint !== 'none');
    return seen && box.width + box.height > 4; })).map((chart) => chart.getAttribute('aria-label'))"""
OVERLAPS = """() => { const found = [];
  for (const chart of document.querySelectorAll('svg.bar, svg.heatmap, svg.lines, svg.histograms')) {
    const boxes = [...chart.querySelectorAll('text:not(.halo), .bar text')].map((t) => [t, t.getBoundingClientRect()]);
    boxes.forEach(([one, a], i) => boxes.slice(0, i).forEach(([other, b]) => {
      if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 5 && b.top < a.bottom - 5)
        found.push([chart.getAttribute('aria-label'), one.textContent, other.textContent]); })); }
  return found; }"""
BEYOND = """() => [...document.querySelectorAll('body *')].filter((e) => { const b = e.getBoundingClientRect();
  return b.width && (b.right > innerWidth + 1 || b.left < -1); }).map((e) => e.outerHTML.slice(0, 120))"""
HEADINGS = "() => [...document.querySelectorAll('h1, h2, h3, h4')].map((h) => [+h.tagName[1], h.textContent.trim()])"
