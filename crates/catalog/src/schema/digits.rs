//! Regular expressions for numbers in quotes.

/// An expression that digits match whose value lies from `min` to `max`; leading zeros do not matter.
pub(super) fn between(min: u64, max: u64) -> String {
    let mut parts = Vec::new();
    let mut low = min;
    loop {
        // All numbers with as many digits as `low` at a time.
        let digits = u32::try_from(low.to_string().len()).unwrap_or(u32::MAX);
        let last = 10_u64.checked_pow(digits).map_or(u64::MAX, |next| next - 1);
        parts.extend(same_length(&low.to_string(), &last.min(max).to_string()));
        if last >= max {
            break;
        }
        low = last + 1;
    }
    format!("^0*({})$", parts.join("|"))
}

/// Alternatives for the numbers from `low` to `high`, which have equally many digits.
fn same_length(low: &str, high: &str) -> Vec<String> {
    let (Some(first), Some(last)) = (low.chars().next(), high.chars().next()) else { return vec![String::new()] };
    let rest = low.len() - 1;
    let with = |digit: char, rest: Vec<String>| rest.into_iter().map(move |rest| format!("{digit}{rest}"));
    if first == last {
        return with(first, same_length(&low[1..], &high[1..])).collect();
    }
    let mut parts = Vec::new();
    let (mut from, mut to) = (first, last);
    if low[1..].chars().any(|digit| digit != '0') {
        parts.extend(with(first, same_length(&low[1..], &"9".repeat(rest))));
        from = char::from(first as u8 + 1);
    }
    let end = (high[1..].chars().any(|digit| digit != '9')).then(|| {
        to = char::from(last as u8 - 1);
        with(last, same_length(&"0".repeat(rest), &high[1..])).collect::<Vec<_>>()
    });
    if from <= to {
        let head = if from == to { from.to_string() } else { format!("[{from}-{to}]") };
        let tail = match rest {
            0 => String::new(),
            1 => "[0-9]".to_owned(),
            more => format!("[0-9]{{{more}}}"),
        };
        parts.push(format!("{head}{tail}"));
    }
    parts.extend(end.into_iter().flatten());
    parts
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::between;

    #[test]
    fn exactly_the_numbers_between_match() {
        for (min, max) in [(0, 0), (0, 9), (1, 10), (7, 1000), (99, 101), (1, 365), (0, 1234), (250, 250), (19, 980)] {
            let regex = regex_lite::Regex::new(&between(min, max)).unwrap();
            for number in 0..2000 {
                assert_eq!(
                    regex.is_match(&number.to_string()),
                    (min..=max).contains(&number),
                    "{min}..{max}: {number}"
                );
            }
            assert!(regex.is_match(&format!("000{max}")));
            assert!(!regex.is_match(&format!("{max}0000")) || max == 0);
        }
    }

    #[test]
    fn ports_read_well() {
        let ports = "^0*([1-9]|[1-9][0-9]|[1-9][0-9]{2}|[1-9][0-9]{3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$";
        assert_eq!(between(1, 65535), ports);
    }
}
