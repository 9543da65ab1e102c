"""What can be told of a page's accessibility without looking at it."""

from typing import Any, Final

from playwright.async_api import Page

_CONTROLS: Final = frozenset(
    {"button", "checkbox", "combobox", "grid", "link", "navigation", "radio", "region", "textbox", "timer"}
)
# WCAG 2.2 AA of text that is not large.
_LEAST_CONTRAST: Final = 4.5
# Every root by itself: a shadow root has ids of its own.
_ROOTS: Final = """
const roots = [document];
for (const root of roots) {
  roots.push(...[...root.querySelectorAll("*")].flatMap((element) => element.shadowRoot ?? []));
}
"""
_REPEATED_IDS: Final = f"""() => {{
  {_ROOTS}
  return roots.flatMap((root) => {{
    const ids = [...root.querySelectorAll("[id]")].map((element) => element.id);
    return ids.filter((id, place) => ids.indexOf(id) !== place);
  }});
}}"""
# What is said to be off may be faint (WCAG 1.4.3); a control says so with aria-disabled here.
_FAINT_TEXTS: Final = f"""(least) => {{
  {_ROOTS}
  const channels = (color) => color.match(/[\\d.]+/g).map(Number);
  const luminance = ([red, green, blue]) => [red, green, blue]
    .map((value) => value / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
    .reduce((sum, value, place) => sum + value * [0.2126, 0.7152, 0.0722][place], 0);
  const ground = (element) => {{
    for (let around = element; around; around = around.parentElement ?? around.getRootNode().host) {{
      const color = channels(getComputedStyle(around).backgroundColor);
      if (color[3] !== 0) return color;
    }}
    return [255, 255, 255];
  }};
  const contrast = (element) => {{
    const pair = [channels(getComputedStyle(element).color), ground(element)].map(luminance).sort((a, b) => b - a);
    return (pair[0] + 0.05) / (pair[1] + 0.05);
  }};
  return roots.flatMap((root) => [...root.querySelectorAll("*")])
    .filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
    .filter((element) => element.checkVisibility() && !element.closest('[aria-disabled="true"], head, noscript'))
    .filter((element) => contrast(element) < least)
    .map((element) => `${{element.textContent.trim().slice(0, 40)}}: ${{contrast(element).toFixed(2)}}`);
}}"""


# Halfway from one colour to another, a text may be faint for a moment.
_AT_REST: Final = f"""async () => {{
  {_ROOTS}
  const running = new Set(roots.flatMap((root) => root.getAnimations()));
  await Promise.allSettled([...running].map((animation) => animation.finished));
}}"""


async def faults(page: Page) -> list[str]:
    """Every fault that was found, as a sentence; of what can be seen now, once it has stopped changing its colours."""
    await page.evaluate(_AT_REST)
    found = [f"{node['role']['value']} without a name" for node in await _accessibility_tree(page) if _is_unnamed(node)]
    found += [f"id given twice: {one}" for one in await page.evaluate(_REPEATED_IDS)]
    found += [f"too faint: {one}" for one in await page.evaluate(_FAINT_TEXTS, _LEAST_CONTRAST)]
    if await page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        found.append("the page is wider than the window")
    return found


async def _accessibility_tree(page: Page) -> list[dict[str, Any]]:
    session = await page.context.new_cdp_session(page)
    tree = await session.send("Accessibility.getFullAXTree")
    await session.detach()
    nodes: list[dict[str, Any]] = tree["nodes"]
    roles = {node.get("role", {}).get("value") for node in nodes}
    assert roles & {"button", "heading"}, "There is nothing to judge."
    return nodes


def _is_unnamed(node: dict[str, Any]) -> bool:
    named = bool(node.get("name", {}).get("value", "").strip())
    return not node["ignored"] and node["role"]["value"] in _CONTROLS and not named
