//! The name of a stack: everything of an installation is named after it, so it has to be short and plain.

use anyhow::{Result, bail};

/// Longest name of a stack. Roles and the artifact bucket set the limit: they also carry the region, and a role the
/// longest name of a module kind.
pub const LONGEST_STACK: usize = 25;

/// Refuses a name that AWS would refuse later, somewhere in the middle of the installation.
///
/// # Errors
/// When it is too long, or not made of lower-case letters, digits and hyphens.
pub(crate) fn check_stack(name: &str) -> Result<()> {
    let plain = name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-');
    let begins = name.starts_with(|letter: char| letter.is_ascii_lowercase());
    if plain && begins && name.len() <= LONGEST_STACK {
        return Ok(());
    }
    bail!(
        "a stack cannot be called {name}: roles, functions and buckets are named after it; take at most {LONGEST_STACK} \
         lower-case letters, digits and hyphens, a letter first"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_something_cannot_be_named_after_is_refused() {
        for name in ["landfall", "landfall-2", "a", &"a".repeat(LONGEST_STACK)] {
            assert!(check_stack(name).is_ok(), "{name}");
        }
        for name in ["", "Landfall", "2nd", "-a", "land_fall", "land.fall", &"a".repeat(LONGEST_STACK + 1)] {
            assert!(check_stack(name).is_err(), "{name}");
        }
    }
}
