// Makes what is shown like what is to be shown, changing only what differs: a button that is just being pressed, a text that is selected and the
// focus stay. Elements with `data-key` are found again by it among their siblings, wherever they move to.

/** Gives `parent` these children, of elements that were made anew. */
export function patchChildren(parent, wanted) {
  const known = new Map();
  for (const child of parent.children) if (child.dataset.key !== undefined) known.set(child.dataset.key, child);
  let at = parent.firstChild;
  for (const child of wanted) {
    const key = child.dataset?.key;
    const have = key === undefined ? (at && alike(at, child) ? at : undefined) : known.get(key);
    known.delete(key);
    if (have === undefined) parent.insertBefore(child, at);
    else {
      if (have === at) at = at.nextSibling;
      else parent.insertBefore(have, at);
      patch(have, child);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function alike(one, other) {
  return one.nodeType === other.nodeType && one.nodeName === other.nodeName && one.dataset?.key === undefined;
}

function patch(node, wanted) {
  if (node.nodeType !== Node.ELEMENT_NODE) {
    if (node.data !== wanted.data) node.data = wanted.data;
    return;
  }
  for (const { name, value } of wanted.attributes) if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  for (const { name } of [...node.attributes]) if (name !== "disabled" && !wanted.hasAttribute(name)) node.removeAttribute(name);
  // what a button does belongs to what it shows now
  if (wanted.action) node.action = wanted.action;
  patchChildren(node, [...wanted.childNodes]);
}
