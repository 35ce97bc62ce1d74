//! As much of XML as is needed to leave out, keep or change elements of AWS's answers without touching the rest.

use std::ops::Range;

/// The elements at a depth: 0 is the root.
pub(super) fn elements(text: &str, depth: usize) -> Vec<Element> {
    let mut found = Vec::new();
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find('<').map(|offset| at + offset) {
        let Some(end) = text[start..].find('>').map(|offset| start + offset + 1) else { break };
        let tag = &text[start + 1..end - 1];
        at = end;
        if tag.starts_with(['?', '!']) {
            continue;
        }
        if tag.starts_with('/') {
            if let Some((begun, content)) = open.pop()
                && open.len() == depth
            {
                found.push(Element { whole: begun..end, content: content..start });
            }
        } else if tag.ends_with('/') {
            if open.len() == depth {
                found.push(Element { whole: start..end, content: end..end });
            }
        } else {
            open.push((start, end));
        }
    }
    found
}

/// Where an element lies in its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Element {
    /// With its tags.
    pub(super) whole: Range<usize>,
    /// Between its tags.
    pub(super) content: Range<usize>,
}

impl Element {
    /// Its name.
    pub(super) fn name<'a>(&self, text: &'a str) -> &'a str {
        text[self.whole.start + 1..].split([' ', '>', '/', '\n', '\t']).next().unwrap_or_default()
    }
}

/// The first child of that name of an element that is given with its tags: where its content lies.
pub(super) fn child(element: &str, name: &str) -> Option<Range<usize>> {
    elements(element, 1).into_iter().find(|found| found.name(element) == name).map(|found| found.content)
}

/// The text without the elements that lie there.
pub(super) fn without(text: &str, elements: &[Element]) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut at = 0;
    for element in elements {
        kept.push_str(&text[at..element.whole.start]);
        at = element.whole.end;
    }
    kept.push_str(&text[at..]);
    kept
}

/// The content of the first element of a name, at any depth.
pub(super) fn first<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let open = format!("<{name}>");
    let from = text.find(&open)? + open.len();
    let to = text[from..].find("</")? + from;
    Some(text[from..to].trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "<?xml version=\"1.0\"?>\n<R xmlns=\"x\"><id>1</id><set><item><a>1</a><none/></item>\
                        <item><a>2</a></item></set></R>";

    #[test]
    fn elements_are_found_by_their_depth() {
        let items = elements(TEXT, 2);
        let whole: Vec<&str> = items.iter().map(|item| &TEXT[item.whole.clone()]).collect();
        assert_eq!(whole, ["<item><a>1</a><none/></item>", "<item><a>2</a></item>"]);
        assert_eq!(items[0].name(TEXT), "item");
        assert_eq!(elements(TEXT, 0)[0].name(TEXT), "R");
        assert_eq!(child(whole[1], "a").map(|range| &whole[1][range]), Some("2"));
        assert_eq!(child(whole[1], "b"), None);
    }

    #[test]
    fn elements_are_left_out() {
        let items = elements(TEXT, 2);
        assert!(without(TEXT, &items[..1]).ends_with("<set><item><a>2</a></item></set></R>"));
        assert_eq!(without(TEXT, &[]), TEXT);
    }
}
